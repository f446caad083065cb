// Captures read without any code of the product: unpack, split into lines, put quotes around bare numbers, JSON.parse.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { decompress } from 'fzstd'

/** A frame or a REST answer as a capture holds it. Times are ns as text. */
export interface WireMessage {
  kind: 'frame' | 'rest'
  ts: string
  /** Address that a REST answer came from; '' where the capture does not say. */
  url: string
  text: string
}

/** A number that is no part of a text: behind a colon, a bracket or a comma, and before the next of these. */
const BARE_NUMBER = /([:[,]\s*)(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=\s*[,\]}])/g

/** JSON whose numbers are the texts that stand in it. */
export function parseExact(text: string): unknown {
  return JSON.parse(text.replace(BARE_NUMBER, '$1"$2"'))
}

function* linesOf(content: Uint8Array): Generator<string> {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf('\n', from)
    const to = end === -1 ? bytes.length : end
    if (to > from) yield bytes.toString('utf8', from, to)
    from = to + 1
  }
}

/** hftbacktest: `<ns or µs> <payload>` a line; answers to REST requests begin with {"lastUpdateId". */
export function* hftbacktestMessages(paths: readonly string[]): Generator<WireMessage> {
  for (const path of paths) {
    for (const line of linesOf(gunzipSync(readFileSync(path)))) {
      const space = line.indexOf(' ')
      const text = line.slice(space + 1)
      const kind = text.startsWith('{"lastUpdateId"') ? 'rest' : 'frame'
      yield { kind, ts: line.slice(0, space).padEnd(19, '0'), url: '', text }
    }
  }
}

/** cryptofeed: JSON lines. The messages of each connection in their order, and the REST answers of all under 'rest'. */
export function cryptofeedMessages(path: string): Map<string, WireMessage[]> {
  const connections = new Map<string, WireMessage[]>()
  for (const line of linesOf(decompress(readFileSync(path)))) {
    const { t, conn, ts, url, data } = JSON.parse(line.replace(/"ts": ?([0-9.]+)/, '"ts":"$1"')) as Record<
      string,
      string
    >
    if (t !== 'recv' && t !== 'http') continue
    const name = t === 'http' ? 'rest' : (conn as string)
    const messages = connections.get(name) ?? []
    connections.set(name, messages)
    messages.push({
      kind: t === 'http' ? 'rest' : 'frame',
      ts: secondsToNs(ts as string),
      url: url ?? '',
      text: data ?? '',
    })
  }
  for (const message of connections.get('rest') ?? [])
    if (message.text === '') throw new Error(`${message.url} has no body`)
  return connections
}

/** '1618678132.368463' as ns. */
export function secondsToNs(seconds: string): string {
  const [whole, fraction = ''] = seconds.split('.') as [string, string?]
  return `${whole}${fraction.padEnd(9, '0')}`
}

/** '2023-02-09T20:32:50.714964855Z' as ns. */
export function isoToNs(iso: string): string {
  const [date, fraction = ''] = iso.replace('Z', '').split('.') as [string, string?]
  return `${Date.parse(`${date}Z`) / 1000}${fraction.padEnd(9, '0')}`
}
