// REST answers that a venue's protocol needs: definitions, book snapshots. Within the venue's budget, bounded in time and
// size, retried with growing pauses, obedient to what the venue says.
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { Agent, type Dispatcher, request } from 'undici'
import { TickforgeError } from '../errors.ts'
import { formatDuration } from '../records/time.ts'
import { VERSION } from '../version.ts'
import { backoffMs } from './backoff.ts'
import { wallMs } from './clock.ts'
import { pause as pauseFor } from './pause.ts'
import type { RestPool } from './rest-pool.ts'
import { retryAfterMs } from './retry-after.ts'

/** From the connect to the last byte of the answer, however it drips. */
const TOTAL_MS = 20_000
const STEP_MS = 10_000
const ATTEMPTS_MAX = 8
const REDIRECTS_MAX = 3
/** The largest answer known is Binance's exchangeInfo of all spot symbols, 17 MB. The same limit on the wire and unpacked. */
export const ANSWER_BYTES_MAX = 32 << 20
/** A venue that holds us off for longer has refused: what depends on the answer is doubtful meanwhile. */
const PATIENCE_MS = 10_000
const HEADERS = {
  accept: 'application/json',
  'accept-encoding': 'gzip, deflate, br',
  'user-agent': `tickforge/${VERSION}`,
}
const UNPACK: Record<string, (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
}

/** The venue answered, and what it answered is of no use: a refusal, or more than is taken. Asking at once again is none either. */
export class VenueRefusal extends TickforgeError {
  /** Of HTTP; 200 for an answer that was too large. */
  readonly status: number
  /** The beginning of an answer that was not taken. */
  readonly beginning: Uint8Array | undefined

  constructor(status: number, message: string, beginning?: Uint8Array) {
    super('TF_VENUE_REFUSED', message)
    this.status = status
    this.beginning = beginning
  }
}

/** Of what was asked since the start. */
export interface RestCounters {
  requests: number
  /** Asked again after a failure. */
  retried: number
  /** Given up: the venue refused (4xx), or did not answer in all attempts. */
  failed: number
  /** The venue said that it was asked too often (429, 418). */
  limited: number
  tooLarge: number
}

interface Answer {
  status: number
  retryAfter: string | undefined
  usedWeight: number
  body: Uint8Array
}

/** Why another attempt is due: in words, in short, and for how long the venue wants none. */
interface Problem {
  text: string
  key: string
  holdMs: number
}

export interface GetOptions {
  /** Once it says no, there are no more attempts, and no answer. */
  wanted?: () => boolean
  attempts?: number
  /** What has a larger one is asked for first. */
  priority?: number
}

export class RestClient {
  readonly counters: RestCounters = { requests: 0, retried: 0, failed: 0, limited: 0, tooLarge: 0 }
  readonly #base: string
  readonly #pool: RestPool
  readonly #stop: AbortSignal
  readonly #totalMs: number
  readonly #warn: (key: string, message: string) => void
  readonly #agent = new Agent({
    connect: { timeout: STEP_MS },
    headersTimeout: STEP_MS,
    bodyTimeout: STEP_MS,
    maxHeaderSize: 64 * 1024,
  })

  /** `warn` gets what a message is about, so that the same one need not be said each time. */
  constructor(
    base: string,
    pool: RestPool,
    stop: AbortSignal,
    warn: (key: string, message: string) => void,
    totalMs = TOTAL_MS,
  ) {
    this.#totalMs = totalMs
    this.#base = base
    this.#pool = pool
    this.#stop = stop
    this.#warn = warn
    stop.addEventListener('abort', () => void this.#agent.destroy(), { once: true })
  }

  /**
   * Asks for a path. `received` is called with the answer as soon as it is there, so that it can be stamped. What is of no use
   * (a refusal of 4xx, an answer that is too large) throws TF_VENUE_REFUSED; other failures are retried, `attempts` times in
   * all, then throw TF_CONNECT; so does a venue that wants no request for a while.
   */
  async get(path: string, received: (body: Uint8Array) => void, options: GetOptions = {}): Promise<void> {
    const { wanted = () => true, attempts = ATTEMPTS_MAX, priority = 0 } = options
    for (let attempt = 0; ; attempt++) {
      const act = async (): Promise<Problem | undefined> =>
        wanted() ? await this.#attempt(path, (body) => wanted() && received(body)) : undefined
      const problem = await this.#pool.run(path, this.#stop, act, priority)
      if (problem === undefined) return
      const pause = Math.max(backoffMs(attempt), problem.holdMs)
      const when = formatDuration(BigInt(Math.round(pause)) * 1_000_000n)
      if (attempt + 1 >= attempts || problem.holdMs > PATIENCE_MS) {
        this.counters.failed++
        const held = problem.holdMs > 0 ? `; the venue wants no request for ${when}` : ''
        throw new TickforgeError('TF_CONNECT', `${this.#base}${path}: ${problem.text}${held}`)
      }
      this.counters.retried++
      this.#warn(problem.key, `${this.#base}${path}: ${problem.text}; trying again in ${when}`)
      await pauseFor(pause, this.#stop)
    }
  }

  /** Undefined when all is done; otherwise why another attempt is due. */
  async #attempt(path: string, received: (body: Uint8Array) => void): Promise<Problem | undefined> {
    this.counters.requests++
    let answer: Answer
    try {
      answer = await this.#ask(path)
    } catch (thrown) {
      if (this.#stop.aborted) throw thrown
      if (thrown instanceof TooLarge) {
        this.counters.tooLarge++
        this.counters.failed++
        throw new VenueRefusal(200, `${this.#base}${path}: ${thrown.message}`, thrown.beginning)
      }
      const text = thrown instanceof Error ? describe(thrown) : String(thrown)
      return { text, key: text, holdMs: 0 }
    }
    const { status, body } = answer
    this.#pool.used(answer.usedWeight)
    if (status >= 200 && status < 300) {
      this.#pool.accepted()
      received(body)
      return undefined
    }
    const text = `HTTP ${status} ${Buffer.from(body.subarray(0, 200)).toString('utf8')}`
    const limited = status === 429 || status === 418
    if (status < 500 && !limited) {
      this.counters.failed++
      throw new VenueRefusal(status, `${this.#base}${path}: ${text}`)
    }
    const asked = retryAfterMs(answer.retryAfter, wallMs())
    if (limited) this.counters.limited++
    return { text, key: `HTTP ${status}`, holdMs: limited ? this.#pool.limited(asked) : (asked ?? 0) }
  }

  async #ask(path: string): Promise<Answer> {
    const late = new AbortController()
    const timer = setTimeout(
      () => late.abort(new Error(`no whole answer within ${this.#totalMs / 1000} s`)),
      this.#totalMs,
    )
    const stopped = (): void => late.abort(this.#stop.reason)
    this.#stop.addEventListener('abort', stopped, { once: true })
    try {
      let url = new URL(this.#base + path)
      for (let redirects = 0; ; redirects++) {
        const options = { dispatcher: this.#agent, headers: HEADERS, signal: late.signal }
        const { statusCode: status, headers, body } = await request(url, options)
        const location = status >= 300 && status < 400 ? first(headers.location) : undefined
        if (location === undefined) {
          const usedWeight = Number.parseInt(first(headers['x-mbx-used-weight-1m']) ?? '', 10)
          const bytes = await unpacked(await collected(body), first(headers['content-encoding']))
          return { status, retryAfter: first(headers['retry-after']), usedWeight, body: bytes }
        }
        await body.dump({ limit: 65_536 })
        if (redirects === REDIRECTS_MAX) throw new Error(`more than ${REDIRECTS_MAX} redirections`)
        url = redirected(url, location)
      }
    } catch (thrown) {
      throw late.signal.aborted && !this.#stop.aborted ? late.signal.reason : thrown
    } finally {
      clearTimeout(timer)
      this.#stop.removeEventListener('abort', stopped)
    }
  }
}

/** An answer of which no more is taken. */
class TooLarge extends Error {
  readonly beginning: Uint8Array

  constructor(beginning: Uint8Array) {
    super(`an answer of more than ${ANSWER_BYTES_MAX >> 20} MiB`)
    this.beginning = beginning.slice(0, 4096)
  }
}

async function collected(body: Dispatcher.ResponseData['body']): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    // Leaving the loop destroys the stream, and the connection with it.
    if (length > ANSWER_BYTES_MAX) throw new TooLarge(chunks[0] as Buffer)
  }
  return Buffer.concat(chunks, length)
}

/** Throws TooLarge, or an Error for an encoding that was not asked for or data that is none of it. */
async function unpacked(bytes: Buffer, encoding: string | undefined): Promise<Uint8Array> {
  if (encoding === undefined || encoding === 'identity' || encoding === '') return bytes
  const unpack = UNPACK[encoding.trim().toLowerCase()]
  if (unpack === undefined) throw new Error(`the answer is encoded as '${encoding}', which was not asked for`)
  try {
    return await unpack(bytes, { maxOutputLength: ANSWER_BYTES_MAX })
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw new TooLarge(bytes)
    throw thrown
  }
}

/** Where a venue sends us: to another place on the same host, and never out of TLS. */
function redirected(from: URL, location: string): URL {
  const to = new URL(location, from)
  const inTls = to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:')
  if (!inTls || to.hostname !== from.hostname) throw new Error(`a redirection to ${to.origin}, which is not followed`)
  return to
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

/** The reason may be hidden in `cause`. */
function describe(error: Error): string {
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
}
