// Captures of cryptofeed's raw data collection. A session is one `EXCH.jsonl[.zst]`, or the files of one exchange in one
// folder: `EXCH.ws.N.M[.zst]` a connection, `EXCH.http.N.M[.zst]` and `EXCH.M[.zst]` with REST answers, where M counts
// up when a file became too large. `EXCH-1a2b3c.0` is a session of its own.
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { TickforgeError } from '../errors.ts'
import { type CaptureEvent, captureError } from './capture.ts'
import { isEvent, LineError, type LineResult, parseJsonLine, parseTextLine } from './cryptofeed-lines.ts'
import { readMaybeZstd } from './zstd.ts'

/** Lines are grouped by connection and have to be put in order, so a session's content is held in memory up to this. */
export const SESSION_BYTES_MAX = 1024 * 1024 * 1024

export interface CryptofeedSession {
  /** The exchange as cryptofeed spells it: 'BINANCE_FUTURES'. */
  exchange: string
  /** Its files, sorted. */
  files: readonly string[]
}

export interface CryptofeedCapture extends CryptofeedSession {
  /**
   * All events in order of time. Events of one connection keep their order even where its clock steps back. Broken
   * lines come first.
   */
  events: readonly CaptureEvent[]
}

const JSONL = /^(.+)\.jsonl(?:\.zst)?$/
const TEXT = /^(([A-Za-z0-9_.]+?)(?:-[0-9a-f]{4,})?)(\.(?:ws|http)\.\d+)?\.(\d+)(?:\.zst)?$/

/** The sessions that paths of files or folders belong to; a file brings its companions along. No session comes twice. */
export async function findCryptofeedSessions(paths: readonly string[]): Promise<CryptofeedSession[]> {
  const sessions = new Map<string, CryptofeedSession>()
  for (const path of paths) {
    const isFolder = await isDirectory(path)
    const folder = isFolder ? path : dirname(path)
    const names = isFolder ? await list(folder) : [basename(path)]
    const wanted = names.filter((name) => JSONL.test(name) || TEXT.test(name))
    if (wanted.length === 0) {
      const what = isFolder ? 'holds no capture of cryptofeed' : 'is not named like a capture of cryptofeed'
      throw new TickforgeError('TF_UNKNOWN_FORMAT', `${path} ${what}`, { path })
    }
    for (const name of wanted) {
      const json = JSONL.exec(name)
      const text = TEXT.exec(name)
      const stem = json === null ? text![1]! : name
      const key = join(folder, stem)
      if (sessions.has(key)) continue
      if (json !== null) {
        sessions.set(key, { exchange: json[1]!, files: [join(folder, name)] })
        continue
      }
      const files = (await list(folder)).filter((other) => TEXT.exec(other)?.[1] === stem)
      files.sort((a, b) => partOf(a) - partOf(b) || (a < b ? -1 : 1))
      sessions.set(key, { exchange: text![2]!, files: files.map((file) => join(folder, file)) })
    }
  }
  return [...sessions.values()]
}

/**
 * Reads one session, given by itself or by a path inside it.
 * @throws TF_NO_FILE, TF_IO, TF_UNKNOWN_FORMAT
 */
export async function readCryptofeed(from: string | CryptofeedSession): Promise<CryptofeedCapture> {
  let session: CryptofeedSession
  if (typeof from === 'string') {
    const sessions = await findCryptofeedSessions([from])
    if (sessions.length > 1) {
      const names = sessions.map((one) => one.exchange).join(', ')
      throw new TickforgeError('TF_UNKNOWN_FORMAT', `${from} holds several sessions (${names}): name a file`, {
        path: from,
      })
    }
    session = sessions[0]!
  } else {
    session = from
  }
  const collector = new Collector()
  let exchange = session.exchange
  for (const path of session.files) {
    const content = await readMaybeZstd(path, SESSION_BYTES_MAX - collector.bytes)
    exchange = collector.addFile(path, content) ?? exchange
  }
  return { exchange, files: session.files, events: collector.sorted() }
}

class Collector {
  bytes = 0
  readonly #broken: CaptureEvent[] = []
  readonly #ordered: { key: bigint; event: CaptureEvent }[] = []
  /** Newest time and address so far, a connection. */
  readonly #connections = new Map<string, { key: bigint; url: string }>()

  /** Adds the lines of a file; returns the exchange that its header names. */
  addFile(path: string, content: Buffer): string | undefined {
    this.bytes += content.length
    // One format begins each line with a brace; the other one never does.
    const isJson = content[0] === 0x7b
    const connection = basename(path).replace(/\.\d+(\.zst)?$/, '')
    let exchange: string | undefined
    let line = 0
    for (let from = 0; from < content.length; ) {
      let to = content.indexOf(0x0a, from)
      if (to === -1) to = content.length
      line++
      const end = to > from && content[to - 1] === 0x0d ? to - 1 : to
      try {
        const bytes = content.subarray(from, end)
        const result = isJson ? parseJsonLine(bytes) : parseTextLine(bytes)
        if (result !== undefined) {
          if (isEvent(result)) this.#add(result, connection)
          else exchange = result.exchange === '' ? undefined : result.exchange
        }
      } catch (thrown) {
        if (!(thrown instanceof LineError)) throw thrown
        this.#broken.push({ kind: 'broken', path, line, reason: thrown.message })
      }
      from = to + 1
    }
    if (line > 0 && this.#broken.length === line) {
      throw new TickforgeError('TF_UNKNOWN_FORMAT', `${path} has no line of a capture of cryptofeed`, { path })
    }
    return exchange
  }

  #add(result: LineResult, fileConnection: string): void {
    const name = result.connection ?? fileConnection
    let connection = this.#connections.get(name)
    if (connection === undefined) {
      connection = { key: result.tsRecv, url: '' }
      this.#connections.set(name, connection)
    }
    if (result.kind === 'open') connection.url = result.url
    if (result.tsRecv > connection.key) connection.key = result.tsRecv
    const event: CaptureEvent = {
      kind: result.kind,
      connection: name,
      tsRecv: result.tsRecv,
      url: result.url === '' ? connection.url : result.url,
      data: result.data,
      binary: result.binary,
    }
    this.#ordered.push({ key: connection.key, event })
  }

  sorted(): CaptureEvent[] {
    this.#ordered.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    return [...this.#broken, ...this.#ordered.map((entry) => entry.event)]
  }
}

function partOf(name: string): number {
  return Number(TEXT.exec(name)![4])
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (thrown) {
    throw captureError(path, thrown)
  }
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (thrown) {
    throw captureError(folder, thrown)
  }
}
