// What the exporters read: windows of loaded blocks with the definitions that hold in them.
import type { InstrumentDefinition } from '../records/definition.ts'

/** Blocks of one segment in memory. */
export interface ExportWindow {
  readonly buffer: ArrayBuffer
  /** Three numbers a whole block: byte offset and length of its payload, number of its first record in the segment. */
  readonly payloads: Float64Array
  /** Definitions of the segment, by number. */
  readonly definitions: readonly (InstrumentDefinition | undefined)[]
  /** Of the segment in `segments` of the source; and a number of its journal, from 0. */
  readonly segment: number
  readonly journal: number
  /** A gap record in the place of what cannot be read: it is taken whatever its time. */
  readonly isGap?: boolean
}

/** A range of a log. Every call of windows() goes through it from its beginning. */
export interface ExportSource {
  /** ts_recv in [from, to), ns. */
  readonly from: bigint
  readonly to: bigint
  /** 'venue:symbol' of the wanted instruments; undefined = all. */
  readonly instruments: ReadonlySet<string> | undefined
  /** Names of all segments: '2024-08-08.main.000'. */
  readonly segments: readonly string[]
  /** Every definition that a window can refer to: the common scale is taken from these before the first row. */
  definitions(): Iterable<InstrumentDefinition>
  windows(): Iterable<ExportWindow>
}
