// Memory for long captures: hands on the cells of each publication and keeps none.
import type { CellMemory } from '../../src/records/cell-writer.ts'
import { CELL_BYTES } from '../../src/records/layout.ts'

export class TapMemory implements CellMemory {
  readonly mask: number
  readonly words: Int32Array
  readonly bytes: Uint8Array
  /** Called with a copy of the cells that were published. */
  onCells: (cells: Uint8Array) => void = () => {}
  #head = 0

  /** `cells`: a power of two that holds the largest frame. */
  constructor(cells = 1 << 15) {
    this.mask = cells - 1
    // A record that begins near the end goes on behind it, as in a ring that is mapped twice.
    this.words = new Int32Array((cells + 256) * (CELL_BYTES / 4))
    this.bytes = new Uint8Array(this.words.buffer)
  }

  reserve(position: number, cells: number): number {
    if (((position + cells - this.#head) | 0) > this.mask + 1) throw new Error('the frame is larger than the memory')
    return (this.#head + this.mask + 1) | 0
  }

  publish(position: number): void {
    const parts: Uint8Array[] = []
    for (let cell = this.#head; cell !== position; ) {
      const at = (cell & this.mask) * CELL_BYTES
      const count = this.bytes[at] as number
      parts.push(this.bytes.slice(at, at + count * CELL_BYTES))
      cell = (cell + count) | 0
    }
    this.#head = position
    this.onCells(parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts))
  }
}
