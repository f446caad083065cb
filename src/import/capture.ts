// What captures of other recorders have in common once their file format is read. Readers know files and times,
// nothing of venues: the bytes of a payload are handed on as they are.
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { TickforgeError } from '../errors.ts'

/** Something that the recorder of a capture did or received. */
export interface CaptureRecord {
  /** `sent` is what the client sent; `frame` is what the venue sent; `rest` is the body of a REST answer. */
  kind: 'open' | 'close' | 'frame' | 'sent' | 'rest'
  /** Name of the connection inside the capture; unique in one capture. */
  connection: string
  /** Receive time in ns since 1970, exactly as the capture's text gives it. */
  tsRecv: bigint
  /** Address of the connection or of the REST request; empty where the capture does not tell. */
  url: string
  /** The payload. It may be a view of a larger buffer that is shared with other events; nobody writes to it. */
  data: Uint8Array
  binary: boolean
}

/** A line that is not what the format says. */
export interface BrokenLine {
  kind: 'broken'
  path: string
  /** Counted from 1. */
  line: number
  reason: string
}

export type CaptureEvent = CaptureRecord | BrokenLine

/** A longer line ends the reading: it is a file of another kind. The largest frame known is 5 MB. */
export const LINE_BYTES_MAX = 256 * 1024 * 1024

const CHUNK_BYTES = 256 * 1024
const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const ZERO = 0x30
const DOT = 0x2e
const NS_DIGITS = 9

/**
 * Exact ns of a decimal number of seconds in `bytes[from, to)`: '1618678132.368463' is 1618678132368463000n. Digits
 * below 1 ns are cut off. Undefined if the text is anything but digits, with at most one point between them.
 */
export function parseSeconds(bytes: Uint8Array, from: number, to: number): bigint | undefined {
  let seconds = 0
  let at = from
  // 15 digits are exact in a double and last for 31 million years.
  for (; at < to && at - from < 15; at++) {
    const digit = bytes[at]! - ZERO
    if (digit < 0 || digit > 9) break
    seconds = seconds * 10 + digit
  }
  if (at === from) return undefined
  let ns = 0
  if (at < to) {
    if (bytes[at] !== DOT || at + 1 === to) return undefined
    at++
    for (let digits = 0; digits < NS_DIGITS || at < to; at++, digits++) {
      const digit = at < to ? bytes[at]! - ZERO : 0
      if (digit < 0 || digit > 9) return undefined
      if (digits < NS_DIGITS) ns = ns * 10 + digit
    }
  }
  return BigInt(seconds) * 1_000_000_000n + BigInt(ns)
}

/** The error of a capture that cannot be opened or read. */
export function captureError(path: string, thrown: unknown): TickforgeError {
  if (thrown instanceof TickforgeError) return thrown
  const code = (thrown as { code?: unknown }).code
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  if (code === 'ENOENT') return new TickforgeError('TF_NO_FILE', `there is no file ${path}`, { path, cause: thrown })
  if (code === 'EISDIR') return new TickforgeError('TF_NO_FILE', `${path} is a folder`, { path, cause: thrown })
  if (typeof code === 'string' && (code.startsWith('Z_') || code === 'ERR_TRAILING_JUNK_AFTER_STREAM_END')) {
    return new TickforgeError('TF_UNKNOWN_FORMAT', `${path} is damaged gzip data: ${text}`, { path, cause: thrown })
  }
  return new TickforgeError('TF_IO', `${path} cannot be read: ${text}`, { path, cause: thrown })
}

/** The first `length` bytes of a file, or all of it if it is shorter. */
export async function readHead(path: string, length: number): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (thrown) {
    throw captureError(path, thrown)
  }
}

/** The lines of a plain or gzip file as views of its buffers, without line ends, in batches. What precedes a damaged place comes first. */
export async function* readLines(path: string): AsyncGenerator<Buffer[]> {
  const head = await readHead(path, 2)
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES })
  let source: Readable = file
  if (head[0] === 0x1f && head[1] === 0x8b) {
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES })
    file.on('error', (error) => gunzip.destroy(error))
    source = file.pipe(gunzip)
  }
  let carried: Buffer[] = []
  let carriedBytes = 0
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      const lines: Buffer[] = []
      let from = 0
      for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
        let line = chunk.subarray(from, at)
        if (carriedBytes > 0) {
          line = Buffer.concat([...carried, line])
          carried = []
          carriedBytes = 0
        }
        lines.push(withoutReturn(line))
        from = at + 1
      }
      if (from < chunk.length) {
        carried.push(chunk.subarray(from))
        carriedBytes += chunk.length - from
        if (carriedBytes > LINE_BYTES_MAX) {
          throw new TickforgeError('TF_UNKNOWN_FORMAT', `${path} has a line of more than ${LINE_BYTES_MAX} bytes`, {
            path,
          })
        }
      }
      if (lines.length > 0) yield lines
    }
    if (carriedBytes > 0) yield [withoutReturn(Buffer.concat(carried))]
  } catch (thrown) {
    throw captureError(path, thrown)
  } finally {
    file.destroy()
    source.destroy()
  }
}

function withoutReturn(line: Buffer): Buffer {
  const last = line.length - 1
  return last >= 0 && line[last] === CARRIAGE_RETURN ? line.subarray(0, last) : line
}
