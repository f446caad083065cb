// Frames for the import figure: real ones of the captures where there are any, made by the built-in simulator otherwise.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findCryptofeedSessions, readCryptofeed } from '../../dist/import/cryptofeed.js'
import { readHftbacktest } from '../../dist/import/hftbacktest.js'
import { instrumentSpecs } from '../../dist/simulate/instruments.js'
import { SyntheticMarket } from '../../dist/simulate/market.js'
import { createStream } from '../../dist/simulate/venues/binance-streams.js'

const FIRST_NS = 1_723_075_200_000_000_000n
const STEP_NS = 1_000_000n

/** A kind of capture: what import is told, and what of it is there. */
function kinds(root) {
  const folder = (name) => ({ format: 'hftbacktest', paths: filesOf(join(root, 'hftbacktest', name)) })
  const session = (name) => {
    const path = join(root, 'cryptofeed-v3', `${name}.jsonl.zst`)
    return { format: 'cryptofeed', paths: existsSync(path) ? [path] : [] }
  }
  return [
    { name: 'Binance spot', ...folder('spot') },
    { name: 'Binance USD-M', ...folder('usdm') },
    { name: 'Binance COIN-M', ...folder('cm') },
    { name: 'Kraken', ...session('KRAKEN') },
    { name: 'Coinbase', ...session('COINBASE') },
  ].filter(({ paths }) => paths.length > 0)
}

function filesOf(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name))
}

/** The captures of this machine: `{ source, captures }`; `directory` takes what has to be made. */
export function findCaptures({ directory, synthetic, steps }) {
  const root = process.env.TICKFORGE_CAPTURES ?? fileURLToPath(new URL('../../../shared/captures', import.meta.url))
  const real = synthetic ? [] : kinds(root)
  if (real.length > 0) return { source: 'captures of real frames', captures: real }
  return { source: 'frames of the built-in simulator', captures: makeCaptures(directory, steps) }
}

function makeCaptures(directory, steps) {
  const folder = join(directory, 'captures')
  mkdirSync(folder)
  return [
    { name: 'Binance spot', market: 'spot', venue: 'binance' },
    { name: 'Binance USD-M', market: 'usdm', venue: 'binance-usdm' },
    { name: 'Binance COIN-M', market: 'coinm', venue: 'binance-coinm' },
  ].map(({ name, market, venue }) => {
    const path = join(folder, `${market}.log`)
    writeFileSync(path, makeLog(market, venue, steps))
    return { name, format: 'hftbacktest', paths: [path] }
  })
}

/** A log of one instrument's trade, bookTicker and depth streams, a market step a millisecond. */
function makeLog(market, venue, steps) {
  const [spec] = instrumentSpecs(venue)
  const synthetic = new SyntheticMarket([spec], 7)
  const instrument = { market, synthetic: synthetic.instruments[0], updateId: 50_000_000_000 }
  const streams = ['trade', 'bookTicker', 'depth@100ms'].map((type) => ({
    name: `${spec.symbol.toLowerCase()}@${type}`,
    stream: createStream(instrument, type),
  }))
  const lines = []
  for (let step = 0; step < steps; step++) {
    const ns = FIRST_NS + BigInt(step) * STEP_NS
    const ms = Number(ns / 1_000_000n)
    const event = synthetic.step()
    instrument.updateId++
    for (const { name, stream } of streams) {
      const publish = (payload) => lines.push(`${ns} {"stream":"${name}","data":${payload}}\n`)
      stream.marketEvent(event, String(ms), publish)
      stream.tick(ms, String(ms), publish)
    }
  }
  return lines.join('')
}

/** The frames of a capture, each a Buffer of its own, as a socket would give them. */
export async function splitFrames({ format, paths }) {
  const frames = []
  const take = (events) => {
    for (const event of events) {
      // A log without addresses holds its REST answers among its frames, and the import counts them so.
      if (event.kind === 'frame' || (event.kind === 'rest' && event.url === '')) frames.push(Buffer.from(event.data))
    }
  }
  if (format === 'hftbacktest') for (const path of paths) for await (const events of readHftbacktest(path)) take(events)
  else for (const session of await findCryptofeedSessions(paths)) take((await readCryptofeed(session)).events)
  return frames
}
