// Binance spot, USD-M and COIN-M as a client sees them.
import type { ClientConnection } from '../connection.ts'
import type { MarketEvent, SyntheticMarket } from '../market.ts'
import { Random } from '../random.ts'
import { binanceRest, REST_PREFIX } from './binance-rest.ts'
import { type BinanceInstrument, type BinanceMarket, createStream, type Stream } from './binance-streams.ts'
import { contains, parseObject, parseStrings, type RestAnswer, type SimulatedVenue, type VenueFacts } from './venue.ts'

/** Messages a second before a client is disconnected, and streams a connection. */
const LIMITS: Record<BinanceMarket, { messages: number; streams: number }> = {
  spot: { messages: 5, streams: 1024 },
  usdm: { messages: 10, streams: 1024 },
  coinm: { messages: 10, streams: 200 },
}
const PING: Record<BinanceMarket, { everyMs: number; answerWithinMs: number }> = {
  spot: { everyMs: 20_000, answerWithinMs: 60_000 },
  usdm: { everyMs: 180_000, answerWithinMs: 600_000 },
  coinm: { everyMs: 180_000, answerWithinMs: 600_000 },
}
const PATHS: Record<BinanceMarket, RegExp> = {
  spot: /^\/(ws(?:\/.+)?|stream)$/,
  usdm: /^(?:\/(?:public|market))?\/(ws(?:\/.+)?|stream)$/,
  coinm: /^\/(ws(?:\/.+)?|stream)$/,
}
/**
 * Since April 2026 USD-M has an address for each class of streams. Every subscription is acknowledged on every address;
 * a stream is silent on all but its own, and all are silent on the addresses of before.
 */
const PUBLIC_TYPES = /^(depth|rpiDepth|bookTicker|trade)(@|$)/

export function binanceFacts(market: BinanceMarket): VenueFacts {
  return {
    ping: PING[market],
    depthPath: `${REST_PREFIX[market]}/depth`,
    isBookUpdate: (frame) => contains(frame, '"depthUpdate"'),
    subscribedByUrl: (url) => streamsOfUrl(url).length > 0,
    acknowledgements(message) {
      const request = parseObject(message)
      const known = request?.method === 'SUBSCRIBE' || request?.method === 'UNSUBSCRIBE'
      return known ? [`{"result":null,"id":${JSON.stringify(request.id ?? null)}}`] : []
    },
  }
}

interface Session {
  connection: ClientConnection
  /** Names of its streams, the unknown ones too. */
  names: Set<string>
  combined: boolean
  microseconds: boolean
  /** False on an address that a stream of this type is silent on. */
  carries: (type: string) => boolean
  /** Start of the current second of its message budget. */
  windowMs: number
  messages: number
}

interface Channel {
  name: string
  instrument: BinanceInstrument
  stream: Stream
  microseconds: boolean
  sessions: Set<Session>
}

export class BinanceVenue implements SimulatedVenue {
  readonly #market: BinanceMarket
  readonly #instruments = new Map<string, BinanceInstrument>()
  readonly #sessions = new Map<ClientConnection, Session>()
  /** By name, and by the unit of their times. */
  readonly #channels = new Map<string, Channel>()
  readonly #random: Random
  /** The futures' matching engine numbers the events of all symbols together. */
  #globalId: number

  constructor(market: BinanceMarket, synthetic: SyntheticMarket, seed: number) {
    this.#market = market
    this.#random = new Random(seed ^ 0x62696e61)
    this.#globalId = 5_000_000_000_000 + this.#random.next()
    for (const instrument of synthetic.instruments) {
      const updateId = market === 'spot' ? 50_000_000_000 + this.#random.next() : this.#globalId
      this.#instruments.set(instrument.spec.symbol, { market, synthetic: instrument, updateId })
    }
  }

  accepts(url: URL): boolean {
    return PATHS[this.#market].test(url.pathname)
  }

  connected(connection: ClientConnection, now: bigint): void {
    const { pathname, searchParams } = connection.url
    const session: Session = {
      connection,
      names: new Set(),
      combined: pathname.endsWith('/stream'),
      microseconds: this.#market === 'spot' && /^microsecond$/i.test(searchParams.get('timeUnit') ?? ''),
      carries: carrier(this.#market, pathname),
      windowMs: Number(now / 1_000_000n),
      messages: 0,
    }
    this.#sessions.set(connection, session)
    for (const name of streamsOfUrl(connection.url)) this.#subscribe(session, name)
  }

  disconnected(connection: ClientConnection): void {
    const session = this.#sessions.get(connection)
    if (session === undefined) return
    for (const name of session.names) this.#unsubscribe(session, name)
    this.#sessions.delete(connection)
  }

  message(connection: ClientConnection, text: string, now: bigint): void {
    const session = this.#sessions.get(connection)
    if (session === undefined) return
    const nowMs = Number(now / 1_000_000n)
    if (nowMs - session.windowMs >= 1000) {
      session.windowMs = nowMs
      session.messages = 0
    }
    if (++session.messages > LIMITS[this.#market].messages) {
      connection.close(1008, 'Too many requests')
      return
    }
    connection.send(this.#answer(session, text))
  }

  #answer(session: Session, text: string): string {
    const request = parseObject(text)
    if (request === undefined) return '{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}'
    const { method, id } = request
    const validId = typeof id === 'string' || (typeof id === 'number' && Number.isSafeInteger(id) && id >= 0)
    if (!validId && id !== undefined && id !== null) {
      return '{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}'
    }
    const idText = JSON.stringify(id ?? null)
    if (method === 'LIST_SUBSCRIPTIONS') return `{"result":${JSON.stringify([...session.names])},"id":${idText}}`
    if (method !== 'SUBSCRIBE' && method !== 'UNSUBSCRIBE') {
      const known = 'expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`'
      return `{"code":2,"msg":${JSON.stringify(`Invalid request: unknown variant \`${String(method)}\`, ${known}`)},"id":${idText}}`
    }
    const names = parseStrings(request.params)
    if (names === undefined)
      return `{"code":2,"msg":"Invalid request: params must be an array of strings","id":${idText}}`
    if (method === 'SUBSCRIBE' && session.names.size + names.length > LIMITS[this.#market].streams) {
      return `{"code":2,"msg":"Invalid request: too many streams","id":${idText}}`
    }
    const refusal = method === 'SUBSCRIBE' ? session.connection.refusal(symbolsOf(names)) : undefined
    if (refusal !== undefined) return `{"error":{"code":2,"msg":${JSON.stringify(refusal)}},"id":${idText}}`
    for (const name of names) {
      if (method === 'SUBSCRIBE') this.#subscribe(session, name)
      else this.#unsubscribe(session, name)
    }
    return `{"result":null,"id":${idText}}`
  }

  /** A stream that does not exist is accepted and stays silent, as at the venue. */
  #subscribe(session: Session, name: string): void {
    if (session.names.has(name)) return
    session.names.add(name)
    const at = name.indexOf('@')
    const symbol = name.slice(0, at)
    const type = name.slice(at + 1)
    if (at === -1 || symbol !== symbol.toLowerCase()) return
    if (!session.carries(type) || !session.connection.delivers(channelOf(type), symbol.toUpperCase())) return
    const key = channelKey(session, name)
    let channel = this.#channels.get(key)
    if (channel === undefined) {
      const instrument = this.#instruments.get(symbol.toUpperCase())
      const stream = instrument === undefined ? undefined : createStream(instrument, type)
      if (instrument === undefined || stream === undefined) return
      channel = { name, instrument, stream, microseconds: session.microseconds, sessions: new Set() }
      this.#channels.set(key, channel)
    }
    channel.sessions.add(session)
  }

  #unsubscribe(session: Session, name: string): void {
    session.names.delete(name)
    const key = channelKey(session, name)
    const channel = this.#channels.get(key)
    channel?.sessions.delete(session)
    if (channel?.sessions.size === 0) this.#channels.delete(key)
  }

  marketEvent(event: MarketEvent, now: bigint): void {
    const instrument = this.#instruments.get(event.instrument.spec.symbol)!
    if (this.#market === 'spot') instrument.updateId++
    else {
      this.#globalId += 1 + this.#random.below(60)
      instrument.updateId = this.#globalId
    }
    for (const channel of this.#channels.values()) {
      if (channel.instrument !== instrument) continue
      channel.stream.marketEvent(event, timeText(channel, now), (payload) => publish(channel, payload))
    }
  }

  tick(now: bigint): void {
    const nowMs = Number(now / 1_000_000n)
    for (const channel of this.#channels.values()) {
      channel.stream.tick(nowMs, timeText(channel, now), (payload) => publish(channel, payload))
    }
  }

  rest(url: URL, now: bigint): RestAnswer {
    return binanceRest(this.#market, this.#instruments, url, Number(now / 1_000_000n))
  }
}

function channelOf(type: string): 'trade' | 'quote' | 'book' {
  if (type.startsWith('depth')) return 'book'
  return type === 'bookTicker' ? 'quote' : 'trade'
}

function symbolsOf(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => name.slice(0, name.indexOf('@')).toUpperCase()))]
}

function carrier(market: BinanceMarket, pathname: string): (type: string) => boolean {
  if (market !== 'usdm') return () => true
  if (pathname.startsWith('/public/')) return (type) => PUBLIC_TYPES.test(type)
  if (pathname.startsWith('/market/')) return (type) => !PUBLIC_TYPES.test(type)
  return () => false
}

function channelKey(session: Session, name: string): string {
  return session.microseconds ? `${name} us` : name
}

function timeText(channel: Channel, now: bigint): string {
  return String(now / (channel.microseconds ? 1_000n : 1_000_000n))
}

function publish(channel: Channel, payload: string): void {
  for (const session of channel.sessions) {
    session.connection.send(session.combined ? `{"stream":"${channel.name}","data":${payload}}` : payload)
  }
}

/** `/ws/a@trade/b@trade`, `/stream?streams=a@trade/b@trade`. */
function streamsOfUrl(url: URL): string[] {
  // searchParams are decoded already; '@' may come escaped in a path.
  const raw = /\/ws\/(.+)$/.exec(url.pathname)?.[1]?.replaceAll('%40', '@') ?? url.searchParams.get('streams') ?? ''
  return raw.split('/').filter((name) => name !== '')
}
