// The lines of a capture, of bounded length, and the one that has no end.
import type { CaptureBytes } from './capture-bytes.ts'

/** The largest frame known has 5 MB. What is longer is reported as a broken line and held by nobody. */
export const LINE_BYTES_MAX = 64 * 1024 * 1024

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]

/** A line without its end, as a view of a buffer that is shared; undefined for one that is too long. */
export type Line = Buffer | undefined

/** What to say of an undefined line. */
export const TOO_LONG = `the line has more than ${LINE_BYTES_MAX >> 20} MiB`

/**
 * Lines in batches. A last line without its end is a line if its message is whole; otherwise the recorder was interrupted
 * in it, it is left out, and the bytes are cut. Throws as CaptureBytes.chunks().
 */
export async function* readLines(bytes: CaptureBytes): AsyncGenerator<Line[]> {
  const carried = new Carried()
  let first = true
  for await (const chunk of bytes.chunks()) {
    const lines: Line[] = []
    let from = first && BYTE_ORDER_MARK.every((byte, at) => chunk[at] === byte) ? BYTE_ORDER_MARK.length : 0
    first = false
    for (let at = chunk.indexOf(NEWLINE, from); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      lines.push(withoutReturn(carried.end(chunk.subarray(from, at))))
      from = at + 1
    }
    carried.add(chunk.subarray(from))
    if (lines.length > 0) yield lines
  }
  if (carried.bytes === 0) return
  const unfinished = carried.bytes
  const last = withoutReturn(carried.end(Buffer.alloc(0)))
  if (last === undefined || isWhole(last)) yield [last]
  else {
    const offset = bytes.total - unfinished
    bytes.cut = { offset, reason: 'the last line has no end', ...bytes.cut, unfinished }
  }
}

/** The beginning of a line whose end is in a later chunk. */
class Carried {
  bytes = 0
  #pieces: Buffer[] = []

  add(piece: Buffer): void {
    this.bytes += piece.length
    if (this.bytes > LINE_BYTES_MAX) this.#pieces = []
    else if (piece.length > 0) this.#pieces.push(piece)
  }

  /** The line whose last piece is given. */
  end(piece: Buffer): Line {
    if (this.bytes === 0) return piece.length > LINE_BYTES_MAX ? undefined : piece
    this.add(piece)
    const line = this.bytes > LINE_BYTES_MAX ? undefined : Buffer.concat(this.#pieces)
    this.bytes = 0
    this.#pieces = []
    return line
  }
}

function withoutReturn(line: Line): Line {
  const last = line === undefined ? -1 : line.length - 1
  return last >= 0 && line?.[last] === CARRIAGE_RETURN ? line.subarray(0, last) : line
}

/** No beginning of a JSON object or array is whole JSON itself, and no beginning of a bytes literal ends with its quote. */
function isWhole(line: Buffer): boolean {
  const text = line.toString('utf8')
  if (/^[0-9.]+: b'([^'\\]|\\.)*'$/.test(text) || /^[0-9.]+: b"([^"\\]|\\.)*"$/.test(text)) return true
  const begin = text.search(/[[{]/)
  if (begin === -1) return false
  try {
    JSON.parse(text.slice(begin))
    return true
  } catch {
    return false
  }
}
