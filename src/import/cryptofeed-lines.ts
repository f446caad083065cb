// The two line formats of cryptofeed's raw data collection, each as a pure function of one line.
import { type CaptureRecord, parseSeconds } from './capture.ts'

/** What a line says; `undefined` for lines that carry nothing (configuration, header, blank). */
export type LineResult = Omit<CaptureRecord, 'connection'> & { connection?: string }

/** A line that is not what the format says; the message is the reason. */
export class LineError extends Error {}

/** The exchange that a header line of the jsonl format names. */
export interface Header {
  exchange: string
}

const KINDS: Record<string, CaptureRecord['kind']> = {
  http: 'rest',
  connect: 'open',
  disconnect: 'close',
  close: 'close',
  send: 'sent',
  recv: 'frame',
}
const EMPTY = new Uint8Array(0)
const TIME_KEY = /"ts"\s*:\s*([0-9.]+)\s*[,}]/

/**
 * One line of the jsonl format: `t` = header | http | connect | send | recv. The time is read from the line's text:
 * inside a JSON string every quote is escaped, so `"ts":` can only be the member itself.
 */
export function parseJsonLine(line: Buffer): LineResult | Header | undefined {
  if (line.length === 0) return undefined
  const text = line.toString('utf8')
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (thrown) {
    throw new LineError(`the line is not JSON: ${(thrown as Error).message}`)
  }
  if (parsed === null || typeof parsed !== 'object') throw new LineError('the line is not an object')
  const members = parsed as Record<string, unknown>
  if (members.t === 'header') return { exchange: String(members.exchange ?? '') }
  const kind = typeof members.t === 'string' ? KINDS[members.t] : undefined
  if (kind === undefined) throw new LineError(`the line's type ${JSON.stringify(members.t)} is not known`)
  if (typeof members.conn !== 'string') throw new LineError('the line names no connection')
  const time = TIME_KEY.exec(text)
  const tsRecv = time === null ? undefined : parseSeconds(Buffer.from(time[1]!), 0, time[1]!.length)
  if (tsRecv === undefined) throw new LineError('the line has no time in seconds')
  const url = typeof members.addr === 'string' ? members.addr : typeof members.url === 'string' ? members.url : ''
  const result = { kind, connection: members.conn, tsRecv, url }
  if (typeof members.b64 === 'string') return { ...result, data: Buffer.from(members.b64, 'base64'), binary: true }
  if (typeof members.data === 'string') return { ...result, data: Buffer.from(members.data), binary: false }
  if (kind === 'open' || kind === 'close') return { ...result, data: EMPTY, binary: false }
  throw new LineError('the line has neither data nor b64')
}

/** The part of a text line before its payload; addresses of combined streams take thousands of characters. */
const PREFIX_BYTES_MAX = 64 * 1024
const OPENED = /^(wss?:\/\/\S*) <-> ([0-9.]+)\s*$/
const SENT = /^(wss?:\/\/\S*) <- ([0-9.]+): /
const ANSWER = /^(https?:\/\/\S*) -> ([0-9.]+): /
const RECEIVED = /^([0-9.]+): /
const CONFIGURATION = Buffer.from('configuration: ')

/** One line of the text format: `url <-> ts`, `url <- ts: sent`, `url -> ts: answer`, `ts: received`. */
export function parseTextLine(line: Buffer): LineResult | undefined {
  if (line.length === 0 || line.subarray(0, CONFIGURATION.length).equals(CONFIGURATION)) return undefined
  const digit = line[0]! >= 0x30 && line[0]! <= 0x39
  const head = line.toString('latin1', 0, Math.min(line.length, digit ? 64 : PREFIX_BYTES_MAX))
  let match = digit ? RECEIVED.exec(head) : null
  if (match !== null) return textLine('frame', '', match[1]!, line, match[0].length)
  match = OPENED.exec(head)
  if (match !== null) return textLine('open', match[1]!, match[2]!, line, line.length)
  match = SENT.exec(head)
  if (match !== null) return textLine('sent', match[1]!, match[2]!, line, match[0].length)
  match = ANSWER.exec(head)
  if (match !== null) return textLine('rest', match[1]!, match[2]!, line, match[0].length)
  throw new LineError('the line begins with neither a time nor an address and a time')
}

function textLine(kind: CaptureRecord['kind'], url: string, time: string, line: Buffer, payload: number): LineResult {
  const tsRecv = parseSeconds(Buffer.from(time), 0, time.length)
  if (tsRecv === undefined) throw new LineError(`${JSON.stringify(time)} is not a time in seconds`)
  const data = line.subarray(payload)
  if (kind !== 'frame' || !isBytesLiteral(data)) return { kind, tsRecv, url, data, binary: false }
  return { kind, tsRecv, url, data: parseBytesLiteral(data), binary: true }
}

const QUOTE = 0x27
const DOUBLE_QUOTE = 0x22
const BACKSLASH = 0x5c
/** What Python's repr() of bytes writes after a backslash, besides \xNN. */
const ESCAPES: Record<string, number> = { '\\': BACKSLASH, "'": QUOTE, '"': DOUBLE_QUOTE, n: 10, r: 13, t: 9 }

function isBytesLiteral(data: Uint8Array): boolean {
  return data.length >= 3 && data[0] === 0x62 && (data[1] === QUOTE || data[1] === DOUBLE_QUOTE)
}

/** The bytes of a Python literal: b'\xabVJ\n'. */
export function parseBytesLiteral(data: Uint8Array): Uint8Array {
  const quote = data[1]
  const end = data.length - 1
  if (data[end] !== quote) throw new LineError('the bytes literal has no end')
  const out = Buffer.alloc(data.length)
  let length = 0
  for (let at = 2; at < end; at++) {
    const byte = data[at]!
    if (byte === quote) throw new LineError('the bytes literal ends before the line')
    if (byte !== BACKSLASH) {
      out[length++] = byte
      continue
    }
    at++
    const letter = at < end ? String.fromCharCode(data[at]!) : ''
    if (letter === 'x') {
      const hex = at + 2 < end ? String.fromCharCode(data[at + 1]!, data[at + 2]!) : ''
      if (!/^[0-9a-f]{2}$/i.test(hex)) throw new LineError('the bytes literal has a broken \\x escape')
      out[length++] = Number.parseInt(hex, 16)
      at += 2
    } else {
      const escaped = ESCAPES[letter]
      if (escaped === undefined) throw new LineError(`the bytes literal has an unknown escape \\${letter}`)
      out[length++] = escaped
    }
  }
  return out.subarray(0, length)
}

/** True for results that are events. */
export function isEvent(result: LineResult | Header): result is LineResult {
  return 'kind' in result
}
