// Plays a capture to clients: its frames as they are, at its own pace, and its REST answers at their place between them.
import { setTimeout as sleep, setImmediate as yieldToEvents } from 'node:timers/promises'
import type { CapturedAnswer, CaptureSource, PlaybackEvent } from './capture-source.ts'
import { monotonicMs } from './clock.ts'
import type { ClientConnection } from './connection.ts'
import type { RestAnswer, VenueFacts } from './venues/venue.ts'

export interface PlaybackOptions {
  /** Factor to the capture's own pace, or 'max' for as fast as the client reads. */
  speed: number | 'max'
  /** All connections of the capture as one, or one for each client connection in order. */
  connections: 'merge' | 'separate'
  /** Answer subscriptions, for captures without the venue's answers. */
  acks: boolean
  /** Begin again for the next client when all has been played; otherwise later clients find nothing. */
  repeat: boolean
  /** How long the frames wait at the place of a REST answer for a client that has not asked for it yet, ms. */
  restWaitMs: number
}

export interface PlaybackState {
  /** Frames of the capture, and those played so far. */
  frames: number
  played: number
  finished: boolean
}

/** After an answer that was waited for, so that the client takes it in before the next frame, ms. */
const SETTLE_MS = 30
/** Frames sent without a look at the rest of the world. */
const BURST = 256

/** One connection of the capture on its way to a client. It outlives the client if that goes early. */
interface Play {
  events: AsyncIterator<PlaybackEvent[]>
  batch: readonly PlaybackEvent[]
  at: number
  /** Of the first frame. */
  tsStart: bigint | undefined
  startMs: number
}

interface Answer {
  captured: CapturedAnswer
  /** The playback has come to its place. */
  reached: boolean
  /** A client was answered with it. */
  served: boolean
  /** Clients that wait for its place. */
  waiting: (() => void)[]
  /** Resolves with the first client's being answered. */
  delivered: Promise<void>
  markDelivered: () => void
}

export class Playback {
  readonly state: PlaybackState
  /** Resolves when everything has been played once. */
  readonly finished: Promise<void>
  readonly #source: CaptureSource
  readonly #options: PlaybackOptions
  readonly #facts: VenueFacts
  readonly #attached = new Set<ClientConnection>()
  /** Plays that a client left before the end; the next client goes on with them. */
  readonly #interrupted: Play[] = []
  readonly #pending: (string | undefined)[] = []
  #answers: Answer[]
  readonly #stop = new AbortController()
  #running = 0
  #markFinished: () => void = () => {}

  constructor(source: CaptureSource, facts: VenueFacts, options: PlaybackOptions) {
    this.#source = source
    this.#facts = facts
    this.#options = options
    this.state = { frames: source.frames, played: 0, finished: false }
    this.#answers = this.#freshAnswers()
    this.#refill()
    this.finished = new Promise((resolve) => {
      this.#markFinished = resolve
    })
  }

  /** A client has connected; it is given frames from its first message on, or at once if its address says it all. */
  connected(connection: ClientConnection): void {
    if (this.#facts.subscribedByUrl(connection.url)) this.#attach(connection)
  }

  message(connection: ClientConnection, text: string): void {
    if (this.#options.acks) for (const answer of this.#facts.acknowledgements(text)) connection.send(answer)
    this.#attach(connection)
  }

  disconnected(connection: ClientConnection): void {
    this.#attached.delete(connection)
  }

  close(): void {
    this.#stop.abort()
    for (const play of this.#interrupted) void play.events.return?.()
    for (const answer of this.#answers) this.#reach(answer)
  }

  /**
   * The answer to a request, at its place in the capture: the client waits for frames that came before it. A request
   * that the capture knows nothing like is refused. `delivered` is to be called when the answer is on its way.
   */
  async rest(url: URL): Promise<{ answer: RestAnswer; delivered: () => void }> {
    const alike = this.#alike(url)
    const answer = alike.find((one) => !one.served) ?? alike[alike.length - 1]
    if (answer === undefined) {
      const message = `the capture holds no answer to ${url.pathname}${url.search}`
      return { answer: { status: 404, body: JSON.stringify({ code: -1, msg: message }) }, delivered: () => {} }
    }
    answer.served = true
    if (!answer.reached && this.#running > 0) await new Promise<void>((resolve) => answer.waiting.push(resolve))
    return { answer: { status: 200, body: answer.captured.body }, delivered: answer.markDelivered }
  }

  #attach(connection: ClientConnection): void {
    if (this.#attached.has(connection) || this.#stop.signal.aborted) return
    this.#attached.add(connection)
    let play = this.#interrupted.shift()
    if (play === undefined) {
      if (this.#pending.length === 0) {
        if (this.state.finished && this.#options.repeat) {
          this.#refill()
          this.#answers = this.#freshAnswers()
          this.state.played = 0
          this.state.finished = false
        } else {
          // There is nothing for it: it stays silent beside the others, and ends with them.
          if (this.#running === 0) connection.close(1000, 'the capture has been played')
          return
        }
      }
      const events = this.#source.play(this.#pending.shift())[Symbol.asyncIterator]()
      play = { events, batch: [], at: 0, tsStart: undefined, startMs: 0 }
    }
    this.#running++
    void this.#run(play, connection).catch((thrown) => {
      connection.close(1011, thrown instanceof Error ? thrown.message.slice(0, 100) : 'the capture cannot be read')
      this.#ended()
    })
  }

  #refill(): void {
    if (this.#options.connections === 'separate') this.#pending.push(...this.#source.connections)
    else this.#pending.push(undefined)
  }

  async #run(play: Play, connection: ClientConnection): Promise<void> {
    for (let burst = 0; connection.open && !this.#stop.signal.aborted; ) {
      const event = play.batch[play.at]
      if (event === undefined) {
        const more = await play.events.next()
        if (more.done === true) {
          await connection.writable()
          connection.close(1000, '')
          this.#ended()
          return
        }
        play.batch = more.value
        play.at = 0
        continue
      }
      if (event.kind === 'answer') {
        const answer = this.#answers.find((one) => one.captured === event.answer)
        // What was asked before the first frame is there from the start.
        if (answer !== undefined && play.tsStart !== undefined) await this.#passAnswer(answer)
        else if (answer !== undefined) this.#reach(answer)
        play.at++
        continue
      }
      await this.#keepPace(play, event.tsRecv)
      if (++burst % BURST === 0) await yieldToEvents()
      await connection.writable()
      if (!connection.open) break
      play.at++
      this.state.played++
      connection.send(event.data, event.binary)
    }
    if (this.#stop.signal.aborted) void play.events.return?.()
    else this.#interrupted.push(play)
    this.#running--
  }

  async #keepPace(play: Play, tsRecv: bigint): Promise<void> {
    const { speed } = this.#options
    if (play.tsStart === undefined) {
      play.tsStart = tsRecv
      play.startMs = monotonicMs()
    }
    if (speed === 'max') return
    const dueMs = play.startMs + Number(tsRecv - play.tsStart) / 1e6 / speed
    const wait = dueMs - monotonicMs()
    if (wait >= 1) await this.#sleep(wait)
  }

  /** Lets those go on who asked for the answer, and waits a while for one who has yet to ask. */
  async #passAnswer(answer: Answer): Promise<void> {
    const first = !answer.reached
    this.#reach(answer)
    if (!first) return
    const answered = new AbortController()
    const outcome = await Promise.race([
      answer.delivered.then(() => 'delivered'),
      this.#sleep(this.#options.restWaitMs, answered.signal).then(() => 'late'),
    ])
    answered.abort()
    if (outcome === 'delivered') await this.#sleep(SETTLE_MS)
  }

  /** Ends early without an error when `until` or the whole playback does. */
  async #sleep(ms: number, until?: AbortSignal): Promise<void> {
    const signals = until === undefined ? [this.#stop.signal] : [this.#stop.signal, until]
    await sleep(ms, undefined, { signal: AbortSignal.any(signals) }).catch(() => {})
  }

  #reach(answer: Answer): void {
    answer.reached = true
    for (const resolve of answer.waiting.splice(0)) resolve()
  }

  /** One play has come to its end. */
  #ended(): void {
    this.#running--
    if (this.#running > 0 || this.#pending.length > 0 || this.#interrupted.length > 0) return
    for (const answer of this.#answers) this.#reach(answer)
    for (const connection of this.#attached) connection.close(1000, '')
    this.state.finished = true
    this.#markFinished()
  }

  #freshAnswers(): Answer[] {
    return this.#source.answers.map((captured) => {
      let markDelivered = () => {}
      const delivered = new Promise<void>((resolve) => {
        markDelivered = resolve
      })
      return { captured, reached: false, served: false, waiting: [], delivered, markDelivered }
    })
  }

  /** Answers to the same question, the best kind of likeness only, in order of time. */
  #alike(url: URL): Answer[] {
    let best = 0
    let found: Answer[] = []
    for (const answer of this.#answers) {
      const likeness = likenessOf(url, answer.captured.url)
      if (likeness === 0 || likeness < best) continue
      if (likeness > best) found = []
      best = likeness
      found.push(answer)
    }
    return found
  }
}

/**
 * 4: the same path and query. 3: the same path and symbol; other parameters may differ. 2: another version of the path.
 * 1: the answer is for all symbols. 0: not alike.
 */
function likenessOf(asked: URL, captured: URL): number {
  if (asked.pathname === captured.pathname && asked.search === captured.search) return 4
  if (lastSegment(asked) !== lastSegment(captured)) return 0
  const [wanted, given] = [symbolIn(asked), symbolIn(captured)]
  if (given === '') return 1
  if (wanted !== given) return 0
  return asked.pathname === captured.pathname ? 3 : 2
}

function lastSegment(url: URL): string {
  return url.pathname.slice(url.pathname.lastIndexOf('/') + 1)
}

function symbolIn(url: URL): string {
  return (
    url.searchParams.get('symbol') ??
    url.searchParams.get('product_id') ??
    url.searchParams.get('pair') ??
    ''
  ).toUpperCase()
}
