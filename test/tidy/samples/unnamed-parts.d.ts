export interface Hidden {
  text: string
}
export interface Inner {
  text: string
}
export declare class Shown {
  private readonly secret: Hidden
  get inner(): Inner[]
}
