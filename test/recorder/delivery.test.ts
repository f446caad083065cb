import { describe, expect, it } from 'vitest'
import type {
  Channel,
  Normalizer,
  Subscription,
  SubscriptionAnswer,
  SubscriptionRequest,
} from '../../src/feeds/feed.ts'
import { CHANNEL_BITS } from '../../src/feeds/feed.ts'
import { ReceiveClock } from '../../src/recorder/clock.ts'
import { Delivery, type DeliverySession } from '../../src/recorder/delivery.ts'
import { GapCause } from '../../src/records/layout.ts'
import { eventually } from '../helpers/eventually.ts'

const LONG = { trade: 1e9, quote: 1e9, book: 1e9 }

class FakeSession implements DeliverySession {
  connection = 0
  readonly reconnects: string[] = []
  readonly subscriptions: Subscription[]
  requests: SubscriptionRequest[]

  constructor(requests: [channel: Channel, ...symbols: string[]][], numbered = true) {
    this.requests = requests.map(([channel, ...symbols], frame) => ({
      frame,
      ...(numbered ? { id: frame + 1 } : {}),
      topics: symbols.map((symbol) => ({ symbol, channel })),
    }))
    this.subscriptions = []
  }

  reconnect(_connection: number, reason: string): boolean {
    this.reconnects.push(reason)
    return true
  }
}

/** A venue without a network: what it answers and delivers is set by the test. */
function followed(session: FakeSession, silenceMs: Partial<Record<Channel, number>> = LONG) {
  const answers: SubscriptionAnswer[] = []
  const bits = new Map<string, number>()
  const [gaps, warnings] = [[] as string[], [] as string[]]
  const shares: { left: Subscription[]; shares: Subscription[][] }[] = []
  let refusals = 0
  const normalizer = {
    takeAnswers: () => answers.splice(0),
    takeDelivered: (symbol: string) => {
      const delivered = bits.get(symbol) ?? 0
      bits.delete(symbol)
      return delivered
    },
    missing: (symbol: string, channel: Channel, cause: number) => gaps.push(`${symbol} ${channel} ${cause}`),
  } as unknown as Normalizer
  const delivery = new Delivery('venue', normalizer, new ReceiveClock(), silenceMs, {
    warn: (message) => warnings.push(message),
    otherSpelling: (symbol) => (symbol === 'XBT' ? 'BTC' : undefined),
    share: (_session, left, parts) => shares.push({ left, shares: parts }),
    refused: () => refusals++,
  })
  delivery.follow(session)
  const answer = (accepted: boolean, named: Partial<SubscriptionAnswer> = {}, reason = ''): void => {
    answers.push({ connection: session.connection, accepted, reason, ...named })
    delivery.takeAnswers()
  }
  const deliver = (symbol: string, channel: Channel): void => {
    bits.set(symbol, (bits.get(symbol) ?? 0) | CHANNEL_BITS[channel])
    delivery.tick()
  }
  const states = () => delivery.status().map(({ instrument, channel, state }) => `${instrument} ${channel} ${state}`)
  const missing = () => delivery.status().filter((one) => one.missing)
  session.connection = 1
  delivery.tick()
  return { delivery, answer, deliver, states, missing, gaps, warnings, shares, refusals: () => refusals }
}

describe('a subscription', () => {
  it('is requested, acknowledged by the number of its request, and delivering', () => {
    const session = new FakeSession([
      ['trade', 'A', 'B'],
      ['book', 'A'],
    ])
    const { states, answer, deliver, missing } = followed(session)
    expect(states()).toEqual(['venue:A trade requested', 'venue:B trade requested', 'venue:A book requested'])
    answer(true, { id: 1 })
    deliver('A', 'book')
    expect(states()).toEqual(['venue:A trade acknowledged', 'venue:B trade acknowledged', 'venue:A book delivering'])
    // Trades of A may be rare; of B there is nothing at all.
    expect(missing().map(({ instrument }) => instrument)).toEqual(['venue:B'])
  })

  it('is acknowledged in the order of the requests where answers name none', () => {
    const session = new FakeSession(
      [
        ['trade', 'A'],
        ['book', 'A'],
      ],
      false,
    )
    const { states, answer } = followed(session)
    answer(true)
    expect(states()).toEqual(['venue:A trade acknowledged', 'venue:A book requested'])
    answer(false, {}, 'no')
    expect(states()).toEqual(['venue:A trade acknowledged', 'venue:A book refused'])
  })

  it('is requested anew on a new connection', () => {
    const session = new FakeSession([['trade', 'A']])
    const { states, answer, delivery } = followed(session)
    answer(true, { id: 1 })
    session.connection = 2
    delivery.tick()
    expect(states()).toEqual(['venue:A trade requested'])
  })

  it('that is refused without a word of the venue is told so', () => {
    const { answer, warnings } = followed(new FakeSession([['book', 'A']]))
    answer(false, { id: 1 }, '')
    expect(warnings).toEqual(['venue:A book was refused: without a reason'])
  })

  it('that is refused is told at once with the venue’s words and a hint, and is a gap', () => {
    const session = new FakeSession([['book', 'XBT', 'ETH']])
    const { answer, warnings, gaps, states, missing, refusals } = followed(session)
    answer(false, { id: 1, symbol: 'XBT' }, 'not supported')
    expect(warnings).toEqual(['venue:XBT book was refused: not supported; the venue spells it venue:BTC'])
    expect(gaps).toEqual([`XBT book ${GapCause.refused}`])
    expect(states()).toEqual(['venue:XBT book refused', 'venue:ETH book requested'])
    expect(missing()[0]).toMatchObject({ instrument: 'venue:XBT', reason: expect.stringContaining('not supported') })
    expect(refusals()).toBe(1)
  })

  it('that delivers is not taken for refused when a second request for it is', () => {
    const { answer, deliver, states, gaps, warnings } = followed(new FakeSession([['book', 'A']]))
    deliver('A', 'book')
    answer(false, { symbol: 'A' }, 'Already subscribed')
    expect([states(), gaps, warnings.length]).toEqual([['venue:A book delivering'], [], 1])
  })

  it('that is silent is told and a gap, again after twice the time, and well again when something comes', async () => {
    const { answer, delivery, gaps, warnings, states, deliver, missing } = followed(new FakeSession([['quote', 'A']]), {
      quote: 1,
    })
    answer(true, { id: 1 })
    await eventually('three reports', () => {
      delivery.tick()
      return gaps.length === 3
    })
    expect(new Set(gaps)).toEqual(new Set([`A quote ${GapCause.silent}`]))
    expect(warnings[0]).toBe('venue: nothing came of quote of A, though it was acknowledged; it is on record as a gap')
    expect([states(), missing().map(({ reason }) => reason)]).toEqual([
      ['venue:A quote silent'],
      ['acknowledged, but nothing came'],
    ])
    deliver('A', 'quote')
    expect([states(), missing()]).toEqual([['venue:A quote delivering'], []])
  })

  it('that is silent while there is no connection is not', async () => {
    const session = new FakeSession([['quote', 'A']])
    const { delivery, gaps } = followed(session, { quote: 1 })
    session.connection = 0
    delivery.tick()
    const from = performance.now()
    await eventually('more than the time', () => performance.now() - from > 5)
    delivery.tick()
    expect(gaps).toEqual([])
  })

  it('that was refused or is silent to the end is on record up to the end', () => {
    const { answer, delivery, gaps } = followed(new FakeSession([['book', 'A']]))
    answer(false, { id: 1, symbol: 'A' }, 'no')
    delivery.end()
    expect(gaps).toEqual([`A book ${GapCause.refused}`, `A book ${GapCause.refused}`])
  })
})

describe('a request that is refused as a whole', () => {
  it('is asked for in halves on connections of their own, and the others stay', () => {
    const session = new FakeSession([
      ['book', 'A', 'B', 'C'],
      ['trade', 'A', 'B', 'C'],
    ])
    const { answer, shares, states, gaps, warnings } = followed(session)
    answer(false, { id: 1 }, 'too many in a session')
    const trades = ['A', 'B', 'C'].map((symbol) => ({ symbol, channels: ['trade'] }))
    const books = (...symbols: string[]) => symbols.map((symbol) => ({ symbol, channels: ['book'] }))
    expect(shares).toEqual([{ left: trades, shares: [books('A', 'B'), books('C')] }])
    expect(states()).toHaveLength(3)
    expect(gaps).toEqual([])
    expect(warnings).toEqual([expect.stringContaining('too many in a session; they are asked for in smaller shares')])
  })

  it('for a reason that names the bad one costs its neighbours no halves', () => {
    const session = new FakeSession([['book', 'A-USD', 'B-USD', 'C-USD']])
    const { answer, shares } = followed(session)
    answer(false, { id: 1 }, 'B-USD is not a valid product')
    expect(shares[0]?.shares.map((part) => part.map(({ symbol }) => symbol))).toEqual([['B-USD'], ['A-USD', 'C-USD']])
  })

  it('leaves the numbers of the requests after it as they were sent', () => {
    const session = new FakeSession([
      ['book', 'A', 'B'],
      ['trade', 'A', 'B'],
      ['quote', 'A', 'B'],
    ])
    const { answer, states } = followed(session)
    answer(false, { id: 1 }, 'too many')
    // What is sent on the next connection has numbers of its own.
    session.requests = new FakeSession([
      ['quote', 'A', 'B'],
      ['trade', 'A', 'B'],
    ]).requests
    answer(true, { id: 2 })
    expect(states().filter((one) => one.endsWith('acknowledged'))).toEqual([
      'venue:A trade acknowledged',
      'venue:B trade acknowledged',
    ])
  })

  it('with one instrument is refused for good', () => {
    const { answer, shares, states } = followed(new FakeSession([['book', 'A']]))
    answer(false, { id: 1 }, 'no')
    expect([shares, states()]).toEqual([[], ['venue:A book refused']])
  })
})
