// The exchange server of `tickforge simulate`: one HTTP server for a venue's REST and WebSocket interface.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { TickforgeError } from '../errors.ts'
import { type CaptureSource, openCapture } from './capture-source.ts'
import { monotonicMs } from './clock.ts'
import { ClientConnection, type SimulatorStats } from './connection.ts'
import { CaptureDriver, type Driver, SyntheticDriver } from './drivers.ts'
import { checkFaults, type FaultOptions, noFaults } from './faults.ts'
import { instrumentSpecs, type SimulatedVenueName } from './instruments.ts'
import { SyntheticMarket } from './market.ts'
import { Playback, type PlaybackState } from './playback.ts'
import { Random } from './random.ts'
import { checkRestFault, type RestFaultOptions, RestFaults } from './rest-faults.ts'
import { venueKind } from './venues/index.ts'
import type { VenueFacts } from './venues/venue.ts'

export interface SimulatorOptions {
  /** 'binance', 'binance-usdm', 'binance-coinm', 'kraken' or 'coinbase'. */
  venue: string
  /** 0, the default, takes any free port. */
  port?: number
  host?: string
  /** The same seed gives the same market. 1 if absent. */
  seed?: number
  /** Instruments of the synthetic market in the venue's spelling; the venue's usual ones if absent. */
  symbols?: readonly string[]
  /** Events of the synthetic market a second, all instruments together. 200 if absent. */
  rate?: number
  /** Files (or one folder) of a capture to play instead of a synthetic market. */
  capture?: string | readonly string[]
  /** Factor to the capture's pace. 1 if absent. */
  speed?: number | 'max'
  /** 'merge', the default, plays all connections of a capture as one. */
  connections?: 'merge' | 'separate'
  /** Answer subscriptions during a capture that holds no answers. */
  acks?: boolean
  /** Play the capture again for clients that come after its end. */
  repeat?: boolean
  /** How long a capture's frames wait where it has a REST answer that no client has asked for yet, ms. 1000 if absent. */
  restWaitMs?: number
  /**
   * How much older than what the streams have sent every other order book of the market's REST interface is, ms: the race that
   * real venues have. 250 if absent.
   */
  bookLagMs?: number
  faults?: FaultOptions
  restFault?: RestFaultOptions
  /** Interval of WebSocket pings in place of the venue's own, ms. */
  pingEveryMs?: number
}

export interface Simulator {
  readonly venue: SimulatedVenueName
  readonly port: number
  /** In the form that a feed's endpoints have. */
  readonly endpoints: { websocket: string; rest: string }
  readonly stats: SimulatorStats
  /** Progress of a capture; undefined for a synthetic market. */
  readonly playback: PlaybackState | undefined
  /** Resolves when a capture has been played to its end; never for a synthetic market. */
  readonly finished: Promise<void>
  /** Ends all connections and the server. */
  close(): Promise<void>
}

const RATE_USUAL = 200
const RATE_MAX = 100_000
const TICK_MS = 10
/** More than two updates of a stream of 100 ms. */
const BOOK_LAG_MS_USUAL = 250
const BOOK_LAG_MS_MAX = 60_000
const MESSAGE_BYTES_MAX = 1024 * 1024

/** @throws TF_UNKNOWN_VENUE, TF_UNKNOWN_SYMBOL, TF_USAGE, TF_PORT_IN_USE, TF_NO_FILE, TF_UNKNOWN_FORMAT, TF_IO */
export async function createSimulator(options: SimulatorOptions): Promise<Simulator> {
  const kind = venueKind(options.venue)
  const rate = options.rate ?? RATE_USUAL
  const speed = options.speed ?? 1
  if (!(rate > 0 && rate <= RATE_MAX)) throw usage('rate', rate, `a number of events a second up to ${RATE_MAX}`)
  if (speed !== 'max' && !(speed > 0 && Number.isFinite(speed)))
    throw usage('speed', speed, "a factor above 0 or 'max'")
  const port = options.port ?? 0
  if (!(Number.isInteger(port) && port >= 0 && port <= 65535)) throw usage('port', port, 'a port from 0 to 65535')
  const bookLagMs = options.bookLagMs ?? BOOK_LAG_MS_USUAL
  if (!(bookLagMs >= 0 && bookLagMs <= BOOK_LAG_MS_MAX))
    throw usage('bookLagMs', bookLagMs, `0 to ${BOOK_LAG_MS_MAX} ms`)
  if (options.faults !== undefined) checkFaults(options.faults)
  if (options.restFault !== undefined) checkRestFault(options.restFault)
  const seed = options.seed ?? 1
  const paths = options.capture === undefined ? [] : [options.capture].flat()
  let driver: Driver
  if (paths.length > 0) {
    const source: CaptureSource = await openCapture(paths, kind.facts.depthPath)
    driver = new CaptureDriver(
      new Playback(source, kind.facts, {
        speed,
        connections: options.connections ?? 'merge',
        acks: options.acks ?? false,
        repeat: options.repeat ?? false,
        restWaitMs: options.restWaitMs ?? 1000,
      }),
    )
  } else {
    const market = new SyntheticMarket(instrumentSpecs(options.venue as SimulatedVenueName, options.symbols), seed)
    driver = new SyntheticDriver(market, kind.create(market, seed), rate, bookLagMs)
  }
  const server = new SimulatorServer(options.venue as SimulatedVenueName, kind.facts, driver, options)
  await server.listen(port, options.host ?? '127.0.0.1')
  return server
}

/** Several simulators at once, for a recording of several venues; all of them or none. */
export async function createSimulators(all: readonly SimulatorOptions[]): Promise<Simulator[]> {
  const started: Simulator[] = []
  try {
    for (const options of all) started.push(await createSimulator(options))
    return started
  } catch (thrown) {
    await Promise.all(started.map((simulator) => simulator.close()))
    throw thrown
  }
}

function usage(option: string, value: unknown, wanted: string): TickforgeError {
  return new TickforgeError('TF_USAGE', `${option}: ${JSON.stringify(value)} is not ${wanted}`)
}

class SimulatorServer implements Simulator {
  readonly venue: SimulatedVenueName
  readonly stats: SimulatorStats = {
    connections: 0,
    openConnections: 0,
    refusedConnections: 0,
    messagesReceived: 0,
    restRequests: 0,
    framesSent: 0,
    bytesSent: 0,
    marketEvents: 0,
    faults: noFaults(),
  }
  readonly #facts: VenueFacts
  readonly #driver: Driver
  readonly #options: SimulatorOptions
  readonly #http: Server
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
    autoPong: false,
  })
  readonly #connections = new Map<ClientConnection, { pingedMs: number; answeredMs: number }>()
  readonly #random: Random
  readonly #restFaults: RestFaults | undefined
  #timer: NodeJS.Timeout | undefined
  #tickedMs = 0
  #host = ''
  #port = 0

  constructor(venue: SimulatedVenueName, facts: VenueFacts, driver: Driver, options: SimulatorOptions) {
    this.venue = venue
    this.#facts = facts
    this.#driver = driver
    this.#options = options
    this.#restFaults = options.restFault === undefined ? undefined : new RestFaults(options.restFault)
    this.#random = new Random((options.seed ?? 1) ^ 0x66617574)
    this.#http = createServer((request, response) => void this.#answer(request, response))
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
  }

  get port(): number {
    return this.#port
  }

  get endpoints(): { websocket: string; rest: string } {
    const host = this.#host.includes(':') ? `[${this.#host}]` : this.#host
    return { websocket: `ws://${host}:${this.#port}`, rest: `http://${host}:${this.#port}` }
  }

  get playback(): PlaybackState | undefined {
    return this.#driver.playback
  }

  get finished(): Promise<void> {
    return this.#driver.finished
  }

  async listen(port: number, host: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', (error: NodeJS.ErrnoException) => {
        const code = error.code === 'EADDRINUSE' ? 'TF_PORT_IN_USE' : 'TF_CONNECT'
        const what =
          code === 'TF_PORT_IN_USE' ? `port ${port} of ${host} is in use` : `cannot listen at ${host}:${port}`
        reject(
          new TickforgeError(code, code === 'TF_PORT_IN_USE' ? what : `${what}: ${error.message}`, { cause: error }),
        )
      })
      this.#http.listen(port, host, resolve)
    })
    this.#host = host
    this.#port = (this.#http.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#driver.close()
    for (const connection of this.#connections.keys()) connection.terminate()
    await new Promise<void>((resolve) => {
      this.#http.close(() => resolve())
      this.#http.closeAllConnections()
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.stats.restRequests++
    const url = parseUrl(request.url)
    if (url === undefined) {
      response.writeHead(400).end()
      return
    }
    if (this.#restFaults?.answer(url, response) === true) return
    const { answer, delivered } = await this.#driver.rest(url)
    response.on('close', delivered)
    response.writeHead(answer.status, { 'content-type': 'application/json;charset=UTF-8' })
    response.end(answer.body)
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = parseUrl(request.url)
    // Until the handshake is done, nobody else listens for the socket's errors.
    const ignore = () => {}
    socket.on('error', ignore)
    if (url === undefined || !this.#driver.accepts(url)) {
      this.stats.refusedConnections++
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => this.#connect(webSocket, socket, url))
  }

  #connect(webSocket: WebSocket, socket: Duplex, url: URL): void {
    this.stats.connections++
    this.stats.openConnections++
    const connection = new ClientConnection({
      webSocket,
      socket,
      url,
      stats: this.stats,
      faults: this.#options.faults,
      random: this.#random,
      isBookUpdate: this.#facts.isBookUpdate,
    })
    const now = monotonicMs()
    const liveness = { pingedMs: now, answeredMs: now }
    this.#connections.set(connection, liveness)
    webSocket.on('message', (data: Buffer, binary: boolean) => {
      this.stats.messagesReceived++
      if (!binary && connection.open) this.#driver.message(connection, data.toString('utf8'))
    })
    webSocket.on('ping', (payload: Buffer) => connection.pong(payload))
    webSocket.on('pong', () => {
      liveness.answeredMs = monotonicMs()
    })
    // A broken frame of a client closes its connection; 'close' follows.
    webSocket.on('error', () => {})
    webSocket.on('close', () => {
      connection.ended()
      this.#connections.delete(connection)
      this.stats.openConnections--
      this.#driver.disconnected(connection)
      if (this.#connections.size === 0) this.#stopTicking()
    })
    this.#startTicking()
    this.#driver.connected(connection)
  }

  /** The market stands still while nobody is there to see it. */
  #startTicking(): void {
    if (this.#timer !== undefined) return
    this.#tickedMs = monotonicMs()
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  #stopTicking(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #tick(): void {
    const now = monotonicMs()
    this.#driver.tick(now - this.#tickedMs, this.stats)
    this.#tickedMs = now
    const ping = this.#facts.ping
    if (ping === undefined) return
    const everyMs = this.#options.pingEveryMs ?? ping.everyMs
    for (const [connection, liveness] of this.#connections) {
      if (now - liveness.pingedMs >= everyMs) {
        liveness.pingedMs = now
        connection.ping()
      }
      if (now - liveness.answeredMs > everyMs + ping.answerWithinMs) connection.close(1008, 'Pong timeout')
    }
  }
}

function parseUrl(target: string | undefined): URL | undefined {
  try {
    return new URL(target ?? '/', 'http://simulator')
  } catch {
    return undefined
  }
}
