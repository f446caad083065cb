// What captures of other recorders have in common once their file format is read. Readers know files and times,
// nothing of venues: the bytes of a payload are handed on as they are.
import { open } from 'node:fs/promises'
import { TickforgeError } from '../errors.ts'

/** Something that the recorder of a capture did or received. */
export interface CaptureRecord {
  /** `sent` is what the client sent; `frame` is what the venue sent; `rest` is the body of a REST answer. */
  kind: 'open' | 'close' | 'frame' | 'sent' | 'rest'
  /** File that it stands in; absent where the whole capture is one file. */
  path?: string
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

/** Where a file ends before its recorder was done with it. */
export interface Cut {
  /** Bytes of the file, as it is on the disk, that could be used; of compressed content all that is there. */
  offset: number
  reason: string
  /** Bytes of a line without its end, which are left out. */
  unfinished: number
}

/** What follows on a connection is not in its file: the recorder or a copy of the file ended in the middle. */
export interface CaptureCut extends Cut {
  kind: 'cut'
  path: string
  connection: string
  /** Of the last thing before it. */
  tsRecv: bigint
}

export type CaptureEvent = CaptureRecord | BrokenLine | CaptureCut

/** Receive times of captures lie in [2009, 2100): before there was no exchange of this kind, and what is later is no time. */
export const CAPTURE_TIME_MIN = 1_230_768_000_000_000_000n
export const CAPTURE_TIME_MAX = 4_102_444_800_000_000_000n

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
  if (typeof code === 'string' && code.startsWith('Z_')) {
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
