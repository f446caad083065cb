// Zstandard in pure JavaScript: Node 20 has no decoder of its own, and the native ones want a compiler.
import { createReadStream } from 'node:fs'
import { Decompress } from 'fzstd'
import { TickforgeError } from '../errors.ts'
import { captureError } from './capture.ts'

/** First bytes of a Zstandard frame. */
export const ZSTD_MAGIC = 0xfd2fb528

/**
 * The content of a file, decompressed if it is Zstandard. A frame's optional content checksum is not compared.
 * @throws TF_UNKNOWN_FORMAT for damaged data and for more than `bytesMax` of content.
 */
export async function readMaybeZstd(path: string, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let total = 0
  const take = (chunk: Uint8Array) => {
    total += chunk.length
    if (total > bytesMax) {
      throw new TickforgeError(
        'TF_UNKNOWN_FORMAT',
        `${path} holds more than ${bytesMax} bytes, too much to sort in memory`,
        {
          path,
        },
      )
    }
    chunks.push(chunk)
  }
  let decoder: Decompress | undefined
  let first = true
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
      if (first && chunk.length >= 4 && chunk.readUInt32LE(0) === ZSTD_MAGIC) {
        // The decoder keeps writing into the buffer that it hands out.
        decoder = new Decompress((data) => take(data.slice()))
      }
      first = false
      if (decoder === undefined) take(chunk)
      else decoder.push(chunk)
    }
    decoder?.push(new Uint8Array(0), true)
  } catch (thrown) {
    if (decoder !== undefined && thrown instanceof Error && typeof (thrown as { code?: unknown }).code === 'number') {
      throw new TickforgeError('TF_UNKNOWN_FORMAT', `${path} is damaged zstd data: ${thrown.message}`, {
        path,
        cause: thrown,
      })
    }
    throw captureError(path, thrown)
  }
  return Buffer.concat(chunks)
}
