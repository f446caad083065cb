// Compresses what is written to another output.
import { once } from 'node:events'
import { createGzip, type Gzip } from 'node:zlib'
import type { Output } from './output-file.ts'

/** end() must be called: it writes what the compression still holds. */
export class GzipOutput implements Output {
  readonly regular: boolean
  readonly #output: Output
  readonly #gzip: Gzip = createGzip()
  readonly #moved: Promise<void>

  constructor(output: Output) {
    this.#output = output
    this.regular = output.regular
    this.#moved = this.#move()
    // Reported where it is awaited; until then it must not count as unhandled.
    this.#moved.catch((error: Error) => this.#gzip.destroy(error))
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      // The stream may keep what it is given.
      if (!this.#gzip.write(Buffer.from(chunk))) await Promise.race([once(this.#gzip, 'drain'), this.#moved])
    }
  }

  async end(): Promise<void> {
    this.#gzip.end()
    await this.#moved
  }

  async #move(): Promise<void> {
    for await (const chunk of this.#gzip) await this.#output.write([chunk as Buffer])
  }
}
