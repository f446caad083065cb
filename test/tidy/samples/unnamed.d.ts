import type { Hidden, Inner, Shown } from './unnamed-parts.d.ts'

export declare function open(of: Hidden, also: Shown): Promise<string>
export { Shown } from './unnamed-parts.d.ts'
export type Used = Inner extends string ? 1 : 2
