// What a venue's messages must have become: records in the form in which replay prints them, made from the messages
// alone. Every number stays the text that it was on the wire.
import { isoToNs, parseExact, secondsToNs, type WireMessage } from './wire.ts'

/** Fields in the order of the record's JSON, without flags, connection and frame. */
export type Expected = Record<string, unknown>
export type Reading = (message: WireMessage) => Expected[]

type Level = [price: string, size: string]
type Members = Record<string, string> & { b: Level[]; a: Level[]; bids: Level[]; asks: Level[] }

const ms = (text: string | undefined): string | null => (text === undefined ? null : `${text}000000`)
const levels = (of: readonly (readonly string[])[]): Level[] =>
  of.map(([price, size]) => [price as string, size as string])
const optional = (name: string, value: string | null | undefined): Expected => (value == null ? {} : { [name]: value })

function text(message: WireMessage, reason: string): Expected[] {
  return [{ type: 'text', ts_recv: message.ts, ts_event: null, reason, text: message.text }]
}

const BINANCE_KINDS: Record<string, string> = {
  MARKET: 'market',
  INSURANCE_FUND: 'insurance_fund',
  ADL: 'adl',
  NA: 'not_applicable',
}

/** Binance spot and futures; a reading remembers the last symbol for snapshots that name none. */
export function binanceReading(venue: string): Reading {
  let lastSymbol: string | undefined
  const futures = venue !== 'binance'

  function book(ts: string, symbol: string, m: Members, snapshot: boolean): Expected {
    return {
      type: 'book',
      instrument: `${venue}:${symbol}`,
      ts_recv: ts,
      ts_event: ms(futures ? m.T : m.E),
      snapshot,
      ...optional('first_update_id', m.U),
      ...optional('last_update_id', snapshot ? m.lastUpdateId : m.u),
      ...optional('previous_update_id', m.pu),
      ...optional('ts_sent', futures ? ms(m.E) : null),
      bids: levels(snapshot ? m.bids : m.b),
      asks: levels(snapshot ? m.asks : m.a),
    }
  }

  return (message) => {
    const { ts } = message
    const outer = parseExact(message.text) as Record<string, unknown>
    if (message.kind === 'rest') {
      const members = outer as Members
      if (members.lastUpdateId === undefined) return []
      const symbol =
        message.url === '' ? (members.symbol ?? lastSymbol) : new URL(message.url).searchParams.get('symbol')
      return symbol == null ? text(message, 'control') : [book(ts, symbol, members, true)]
    }
    if (typeof outer.stream !== 'string') return text(message, 'control')
    const m = outer.data as Members
    lastSymbol = m.s
    const instrument = `${venue}:${m.s}`
    const channel = outer.stream.slice(outer.stream.indexOf('@') + 1)
    if (channel === 'trade' || channel === 'aggTrade') {
      const aggregate = channel === 'aggTrade'
      return [
        {
          type: 'trade',
          instrument,
          ts_recv: ts,
          ts_event: ms(m.T),
          price: m.p,
          size: m.q,
          side: String(m.m) === 'true' ? 'sell' : 'buy',
          trade_id: aggregate ? m.a : m.t,
          ts_sent: ms(m.E),
          ...optional('first_trade_id', aggregate ? m.f : null),
          ...optional('last_trade_id', aggregate ? m.l : null),
          ...optional('buyer_order_id', aggregate || futures ? null : (m.b as unknown as string)),
          ...optional('seller_order_id', aggregate || futures ? null : (m.a as unknown as string)),
          ...optional('kind', m.X === undefined ? null : BINANCE_KINDS[m.X]),
        },
      ]
    }
    if (channel === 'bookTicker') {
      return [
        {
          type: 'quote',
          instrument,
          ts_recv: ts,
          ts_event: ms(m.T),
          bid_price: m.b,
          bid_size: m.B,
          ask_price: m.a,
          ask_size: m.A,
          update_id: m.u,
          ...optional('ts_sent', ms(m.E)),
        },
      ]
    }
    if (!/^depth(@\d+ms)?$/.test(channel)) return text(message, 'unmapped')
    return [book(ts, m.s as string, m, false)]
  }
}

/** Kraken's first protocol. */
export function krakenReading(): Reading {
  return (message) => {
    if (message.kind === 'rest') return text(message, 'unmapped')
    const frame = parseExact(message.text)
    if (!Array.isArray(frame)) return text(message, 'control')
    const [channel, pair] = frame.slice(-2) as [string, string]
    const head = { instrument: `kraken:${pair}`, ts_recv: message.ts }
    if (channel === 'trade') {
      return (frame[1] as string[][]).map(([price, size, time, side, kind]) => ({
        type: 'trade',
        ...head,
        ts_event: secondsToNs(time as string),
        price,
        size,
        side: side === 'b' ? 'buy' : 'sell',
        trade_id: null,
        ...optional('kind', kind === 'm' ? 'market' : kind === 'l' ? 'limit' : null),
      }))
    }
    if (channel === 'ticker') {
      const { a, b } = frame[1] as { a: string[]; b: string[] }
      return [
        { type: 'quote', ...head, ts_event: null, bid_price: b[0], bid_size: b[2], ask_price: a[0], ask_size: a[2] },
      ]
    }
    if (!channel.startsWith('book')) return text(message, 'unmapped')
    const parts = Object.assign({}, ...frame.slice(1, -2)) as Partial<Record<'as' | 'bs' | 'a' | 'b', string[][]>> & {
      c?: string
    }
    const bids = parts.bs ?? parts.b ?? []
    const asks = parts.as ?? parts.a ?? []
    const times = [...bids, ...asks].map((level) => BigInt(secondsToNs(level[2] as string)))
    return [
      {
        type: 'book',
        ...head,
        ts_event: String(times.reduce((latest, time) => (time > latest ? time : latest))),
        snapshot: 'as' in parts || 'bs' in parts,
        ...(parts.c === undefined ? {} : { checksum: Number(parts.c) }),
        bids: levels(bids),
        asks: levels(asks),
      },
    ]
  }
}

/** Coinbase does not pad numbers in one way, so a record's text has no zeros at the end. */
const minimal = (number: string): string => (number.includes('.') ? number.replace(/\.?0+$/, '') : number)

interface CoinbaseEvent {
  type: string
  product_id: string
  updates: { side: string; event_time: string; price_level: string; new_quantity: string }[]
  trades: Record<string, string>[]
  tickers: Record<string, string>[]
}

/** Coinbase Advanced Trade. */
export function coinbaseReading(): Reading {
  return (message) => {
    if (message.kind === 'rest') return []
    const frame = parseExact(message.text) as {
      channel: string
      timestamp: string
      sequence_num: string
      events: CoinbaseEvent[]
    }
    const sent = isoToNs(frame.timestamp)
    const sequence = frame.sequence_num
    const head = (product: string | undefined) => ({ instrument: `coinbase:${product}`, ts_recv: message.ts })
    if (frame.channel === 'l2_data') {
      return frame.events.map((event) => {
        const times = event.updates.map((update) => BigInt(isoToNs(update.event_time)))
        const side = (name: string) =>
          event.updates
            .filter((u) => u.side === name)
            .map((u): Level => [minimal(u.price_level), minimal(u.new_quantity)])
        return {
          type: 'book',
          ...head(event.product_id),
          ts_event: times.length === 0 ? sent : String(times.reduce((latest, time) => (time > latest ? time : latest))),
          snapshot: event.type === 'snapshot',
          last_update_id: sequence,
          sequence,
          ts_sent: sent,
          bids: side('bid'),
          asks: side('offer'),
        }
      })
    }
    if (frame.channel === 'market_trades') {
      // The newest trade is first on the wire and last in the log; the maker's side is on the wire.
      return frame.events
        .flatMap((event) => event.trades)
        .reverse()
        .map((trade) => ({
          type: 'trade',
          ...head(trade.product_id),
          ts_event: isoToNs(trade.time as string),
          price: minimal(trade.price as string),
          size: minimal(trade.size as string),
          side: trade.side === 'BUY' ? 'sell' : 'buy',
          trade_id: trade.trade_id,
          sequence,
          ts_sent: sent,
        }))
    }
    if (frame.channel === 'ticker') {
      return frame.events
        .flatMap((event) => event.tickers)
        .map((ticker) => ({
          type: 'quote',
          ...head(ticker.product_id),
          ts_event: sent,
          bid_price: minimal(ticker.best_bid as string),
          bid_size: minimal(ticker.best_bid_quantity as string),
          ask_price: minimal(ticker.best_ask as string),
          ask_size: minimal(ticker.best_ask_quantity as string),
          sequence,
          ts_sent: sent,
        }))
    }
    const reason = ['heartbeats', 'subscriptions'].includes(frame.channel) ? 'control' : 'unmapped'
    return [{ type: 'text', ts_recv: message.ts, ts_event: null, reason, sequence, text: message.text }]
  }
}
