// A log of trades for the figures that read: a random walk of one instrument, written as a recorder writes.
import { DEFINITION_DEFAULTS, InstrumentTable } from '../../dist/feeds/instruments.js'
import { Journal } from '../../dist/recorder/journal.js'
import * as L from '../../dist/records/layout.js'
import { Random } from '../../dist/simulate/random.js'

const FIRST_TS = 1_723_075_200_000_000_000n
const STEP_NS = 5_000
const PRICE_DECIMALS = 2
const FIRST_PRICE = 6_183_763
const TWO_32 = 4294967296

/**
 * Writes `count` trades, one a frame as live feeds do, and returns the sum of their price mantissas, which is exact.
 * `define` writes the instrument's definition first and returns its number.
 */
export function writeTrades(writer, count, define) {
  const random = new Random(1)
  // 4096 steps of the walk, made beforehand: their random numbers are not what is measured.
  const steps = Int32Array.from({ length: 4096 }, () => random.below(5) - 2)
  let low = Number(FIRST_TS & 0xffffffffn)
  let high = Number(FIRST_TS >> 32n)
  let price = FIRST_PRICE
  let sum = 0
  writer.beginFrame(low | 0, high, 1, 0)
  const instrument = define()
  writer.endFrame()
  for (let i = 0; i < count; i++) {
    low += STEP_NS
    if (low >= TWO_32) {
      low -= TWO_32
      high++
    }
    price += steps[i & 4095]
    sum += price
    writer.beginFrame(low | 0, high, 1, i + 1)
    const flags = L.Flag.last | ((i & 1) === 0 ? L.Flag.buy : L.Flag.sell)
    const at = writer.begin(L.RecordType.trade, 1, flags, instrument, (low - 1000) | 0, low < 1000 ? high - 1 : high)
    writer.put64(at, L.TRADE_PRICE, price, 0)
    writer.put64(at, L.TRADE_SIZE, 1 + (i & 1023), 0)
    writer.put64(at, L.TRADE_ID, i + 1, 0)
    writer.put64(at, L.TRADE_SEQUENCE, i + 1, 0)
    writer.endFrame()
  }
  return sum
}

export function openJournal(directory) {
  return new Journal({ directory, name: 'bench', newPart: true, durability: 'os' })
}

/** Defines the instrument of the trades in a journal. */
export function definer(journal) {
  const instruments = new InstrumentTable('binance', 'bench', journal.writer, journal.nextInstrument)
  const defaults = {
    ...DEFINITION_DEFAULTS,
    priceDecimals: PRICE_DECIMALS,
    sizeDecimals: 5,
    base: 'BTC',
    quote: 'USDT',
  }
  return () => instruments.number(instruments.get('BTCUSDT', defaults))
}

/** Writes a log of `count` trades; resolves to the sum of their price mantissas. */
export async function makeTradeLog(directory, count) {
  const journal = openJournal(directory)
  const sum = writeTrades(journal.writer, count, definer(journal))
  await journal.close()
  return sum
}
