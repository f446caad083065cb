// A log of trades for the figures that read: a random walk of one instrument, written as a recorder writes.
import { DEFINITION_DEFAULTS, InstrumentTable } from '../../dist/feeds/instruments.js'
import { Log } from '../../dist/open-log.js'
import { Journal } from '../../dist/recorder/journal.js'
import * as L from '../../dist/records/layout.js'
import { Random } from '../../dist/simulate/random.js'

const FIRST_TS = 1_723_075_200_000_000_000n
const FIRST_LOW = Number(BigInt.asIntN(32, FIRST_TS))
const FIRST_HIGH = Number(FIRST_TS >> 32n)
const STEP_NS = 5_000
const PRICE_DECIMALS = 2
const WORDS = L.CELL_BYTES / 4
const FIRST_PRICE = 6_183_763
/** The venue's time is this much before ours. */
const DELAY_NS = 1_000

/** 4096 steps of the walk, made beforehand: their random numbers are not what is measured. */
const STEPS = makeSteps()

function makeSteps() {
  const random = new Random(1)
  return Int32Array.from({ length: 4096 }, () => random.below(5) - 2)
}

/** Where a walk is. Goes on from call to call, so that one may be asked for in parts. */
export class Walk {
  low = FIRST_LOW
  high = FIRST_HIGH
  price = FIRST_PRICE
  made = 0
  /** Of the price mantissas so far; exact. */
  sum = 0
}

/** Writes the next `count` trades of a walk, one a frame as live feeds do. */
export function writeTrades(writer, walk, count, instrument) {
  let { low, high, price, made, sum } = walk
  for (const end = made + count; made < end; made++) {
    low = (low + STEP_NS) | 0
    if (low >>> 0 < STEP_NS) high++
    price += STEPS[made & 4095]
    sum += price
    const flags = L.Flag.last | ((made & 1) === 0 ? L.Flag.buy : L.Flag.sell)
    const eventHigh = low >>> 0 < DELAY_NS ? high - 1 : high
    writer.beginFrame(low, high, 1, made + 1)
    writer.beginValues(
      L.RecordType.trade,
      1,
      flags,
      instrument,
      (low - DELAY_NS) | 0,
      eventHigh,
      price,
      0,
      1 + (made & 1023),
      0,
      made + 1,
      0,
      made + 1,
      0,
    )
    writer.endFrame()
  }
  Object.assign(walk, { low, high, price, made, sum })
}

/**
 * The limit of writeTrades(): stores the very words of these trades into `words`, a power of two of them, which it goes
 * round in from `cell` on. Nothing else: no frames, no room to be asked for, nobody who reads.
 */
export function storeTrades(words, cell, walk, count, instrument) {
  let { low, high, price, made, sum } = walk
  const mask = words.length - 1
  let next = cell * WORDS
  for (const end = made + count; made < end; made++) {
    low = (low + STEP_NS) | 0
    if (low >>> 0 < STEP_NS) high++
    price += STEPS[made & 4095]
    sum += price
    const flags = L.Flag.last | ((made & 1) === 0 ? L.Flag.buy : L.Flag.sell)
    const eventHigh = low >>> 0 < DELAY_NS ? high - 1 : high
    const at = next & mask
    next += WORDS
    words[at] = 1 | (L.RecordType.trade << 8) | (flags << 16)
    words[at + 1] = instrument
    words[at + 2] = low
    words[at + 3] = high
    words[at + 4] = (low - DELAY_NS) | 0
    words[at + 5] = eventHigh
    words[at + 6] = made + 1
    words[at + 7] = 1 << 16
    words[at + 8] = price
    words[at + 9] = 0
    words[at + 10] = 1 + (made & 1023)
    words[at + 11] = 0
    words[at + 12] = made + 1
    words[at + 13] = 0
    words[at + 14] = made + 1
    words[at + 15] = 0
  }
  Object.assign(walk, { low, high, price, made, sum })
}

export function openJournal(directory) {
  return new Journal({ directory, name: 'bench', newPart: true, durability: 'os' })
}

/** Publishes the definition of the trades' instrument and returns its number. */
export function defineInstrument(journal) {
  const { writer } = journal
  const instruments = new InstrumentTable('binance', 'bench', writer, journal.nextInstrument)
  const defaults = {
    ...DEFINITION_DEFAULTS,
    priceDecimals: PRICE_DECIMALS,
    sizeDecimals: 5,
    base: 'BTC',
    quote: 'USDT',
  }
  writer.beginFrame(FIRST_LOW, FIRST_HIGH, 1, 0)
  const instrument = instruments.number(instruments.get('BTCUSDT', defaults))
  writer.endFrame()
  return instrument
}

/** Writes a log of `count` trades; resolves to the sum of their price mantissas. */
export async function makeTradeLog(directory, count) {
  const journal = openJournal(directory)
  const walk = new Walk()
  writeTrades(journal.writer, walk, count, defineInstrument(journal))
  await journal.close()
  return walk.sum
}

/** Sum of all price mantissas of a log, read back. */
export function sumOfLog(directory) {
  const log = new Log(directory)
  let sum = 0n
  for (const batch of log.replay({ types: ['trade'] })) {
    for (const trade of batch) sum = BigInt.asIntN(64, sum + trade.priceMantissa)
  }
  log.close()
  return sum
}
