// Captures of cryptofeed's raw data collection. A session is one `EXCH.jsonl[.zst]`, or the files of one exchange in one
// folder: `EXCH.ws.N.M[.zst]` a connection, `EXCH.http.N.M[.zst]` and `EXCH.M[.zst]` with REST answers, where M counts
// up when a file became too large. `EXCH-1a2b3c.0` is a session of its own.
import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { TickforgeError } from '../errors.ts'
import { CAPTURE_TIME_MAX, CAPTURE_TIME_MIN, type CaptureEvent, captureError } from './capture.ts'
import { CaptureBytes } from './capture-bytes.ts'
import { isEvent, LineError, type LineResult, parseJsonLine, parseTextLine } from './cryptofeed-lines.ts'
import { readLines, TOO_LONG } from './lines.ts'

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
   * lines come first; a cut event stands where a connection goes on in what its file lacks.
   */
  events: readonly CaptureEvent[]
  /** What became of each file, in the order of `files`. */
  readings: readonly FileReading[]
}

/** One file of a session after it was read. A file with an error gave no event. */
export interface FileReading {
  content: CaptureBytes
  lines: number
  error: TickforgeError | undefined
}

const JSONL = /^(.+)\.jsonl(?:\.(?:zst|gz))?$/
const TEXT = /^(([A-Za-z0-9_.]+?)(?:-[0-9a-f]{4,})?)(\.(?:ws|http)\.\d+)?\.(\d+)(?:\.(?:zst|gz))?$/

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
 * Reads one session, given by itself or by a path inside it. A file that is damaged or no capture is left out of it.
 * @throws TF_NO_FILE, TF_IO, TF_UNKNOWN_FORMAT when no file could be read
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
  const readings: FileReading[] = []
  for (const path of session.files) {
    const content = new CaptureBytes(path)
    const reading: FileReading = { content, lines: 0, error: undefined }
    readings.push(reading)
    exchange = (await collector.addFile(reading)) ?? exchange
  }
  if (readings.every(({ error }) => error !== undefined)) throw readings[0]!.error!
  return { exchange, files: session.files, events: collector.sorted(), readings }
}

/** What one file gave so far. */
interface FileSoFar {
  path: string
  /** Of a text file's lines, which do not name it. */
  connection: string
  /** Connections that it speaks of. */
  connections: Set<string>
  lines: number
  /** One format begins each line with a brace; the other one never does. */
  isJson: boolean
  exchange: string | undefined
}

class Collector {
  /** Of the lines that are held. */
  #bytes = 0
  readonly #broken: CaptureEvent[] = []
  readonly #ordered: { key: bigint; event: CaptureEvent }[] = []
  /** Newest time and address so far, a connection. */
  readonly #connections = new Map<string, { key: bigint; url: string }>()

  /** Adds the lines of a file, all of them or, with an error in `reading`, none; returns the exchange that its header names. */
  async addFile(reading: FileReading): Promise<string | undefined> {
    const { content } = reading
    const { path } = content
    const undo = this.#remember()
    const connection = basename(path).replace(/\.\d+(\.(zst|gz))?$/, '')
    const file: FileSoFar = { path, connection, connections: new Set(), lines: 0, isJson: false, exchange: undefined }
    try {
      for await (const lines of readLines(content)) for (const line of lines) this.#line(file, line)
      reading.lines = file.lines
      this.#judge(file, content, undo.broken)
    } catch (thrown) {
      if (!(thrown instanceof TickforgeError)) throw thrown
      reading.error = thrown
      undo.all()
      return undefined
    }
    if (content.cut !== undefined) {
      for (const name of file.connections) {
        const tsRecv = this.#connections.get(name)!.key
        this.#ordered.push({ key: tsRecv, event: { kind: 'cut', path, connection: name, tsRecv, ...content.cut } })
      }
    }
    return file.exchange
  }

  /** Throws for a file that has something in it, but no line of a capture. */
  #judge(file: FileSoFar, content: CaptureBytes, brokenBefore: number): void {
    const { path, lines } = file
    if (lines > 0 && this.#broken.length - brokenBefore === lines)
      throw new TickforgeError('TF_UNKNOWN_FORMAT', `${path} has no line of a capture of cryptofeed`, { path })
    if (lines === 0 && content.cut !== undefined)
      throw new TickforgeError('TF_UNKNOWN_FORMAT', `${path}: ${content.cut.reason}, before its first line ends`, {
        path,
      })
  }

  #remember(): { broken: number; all: () => void } {
    const connections = [...this.#connections].map(([name, { key, url }]) => [name, { key, url }] as const)
    const [bytes, broken, ordered] = [this.#bytes, this.#broken.length, this.#ordered.length]
    const all = (): void => {
      this.#bytes = bytes
      this.#broken.length = broken
      this.#ordered.length = ordered
      this.#connections.clear()
      for (const [name, state] of connections) this.#connections.set(name, state)
    }
    return { broken, all }
  }

  #line(file: FileSoFar, line: Buffer | undefined): void {
    file.lines++
    if (file.lines === 1) file.isJson = line?.[0] === 0x7b
    try {
      if (line === undefined) throw new LineError(TOO_LONG)
      const result = file.isJson ? parseJsonLine(line) : parseTextLine(line)
      if (result === undefined) return
      if (isEvent(result)) this.#add(result, file, line.length)
      else file.exchange = result.exchange === '' ? undefined : result.exchange
    } catch (thrown) {
      if (!(thrown instanceof LineError)) throw thrown
      this.#broken.push({ kind: 'broken', path: file.path, line: file.lines, reason: thrown.message })
    }
  }

  #add(result: LineResult, file: FileSoFar, bytes: number): void {
    if (result.tsRecv < CAPTURE_TIME_MIN || result.tsRecv >= CAPTURE_TIME_MAX)
      throw new LineError('the time is not between 2009 and 2100')
    this.#bytes += bytes
    if (this.#bytes > SESSION_BYTES_MAX) {
      const { path } = file
      throw new TickforgeError('TF_UNKNOWN_FORMAT', `${path}: more than ${SESSION_BYTES_MAX} bytes to put in order`, {
        path,
      })
    }
    const name = result.connection ?? file.connection
    file.connections.add(name)
    let connection = this.#connections.get(name)
    if (connection === undefined) {
      connection = { key: result.tsRecv, url: '' }
      this.#connections.set(name, connection)
    }
    if (result.kind === 'open') connection.url = result.url
    if (result.tsRecv > connection.key) connection.key = result.tsRecv
    const event: CaptureEvent = {
      kind: result.kind,
      path: file.path,
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
