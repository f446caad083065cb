// Trades a second that one JavaScript thread takes out of a log, beside a bare loop over the same bytes in memory.
import { readFileSync } from 'node:fs'
import { Log } from '../../dist/open-log.js'
import { freshDirectory, removeDirectory, scanWhole } from '../lib/files.mjs'
import { atLeast, compare, expectEqual } from '../lib/measure.mjs'
import { makeTradeLog } from '../lib/trades.mjs'

const REACH = atLeast(10_000_000)
const WORDS_A_CELL = 16

export async function run(context) {
  const { directory, trades } = context
  const path = freshDirectory(directory)
  const sum = await makeTradeLog(path, trades)
  scanWhole(path)
  const log = new Log(path)
  const bytes = readFileSync(log.segments[0].file.path)
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2)
  const textLength = checkTexts(log, trades)
  const mixed = mixWords(words)
  try {
    return await compare(context, {
      figure: 'replay',
      unit: 'trades/s',
      count: trades,
      limit: {
        name: 'a loop over the bytes, a word a cell',
        run: () => mixWords(words),
        after: (_, result) => expectEqual('words', result, mixed),
      },
      ours: [
        side('iterated', iterate, log, trades),
        side('priceMantissa read', sumMantissas, log, BigInt(sum)),
        side('tsRecv and priceMantissa read', sumTimes, log, BigInt(sum)),
        { ...side('price read as text', sumTexts, log, textLength), reach: undefined },
      ],
    })
  } finally {
    log.close()
    removeDirectory(path)
  }
}

function side(name, read, log, expected) {
  return {
    name,
    reach: REACH,
    run: () => read(log),
    after: (_, result) => expectEqual(name, result, expected),
  }
}

function mixWords(words) {
  let mixed = 0
  for (let i = 0; i < words.length; i += WORDS_A_CELL) mixed ^= words[i + 2]
  return mixed
}

function iterate(log) {
  let count = 0
  for (const batch of log.replay({ types: ['trade'] })) for (const _ of batch) count++
  return count
}

function sumMantissas(log) {
  let sum = 0n
  for (const batch of log.replay({ types: ['trade'] })) {
    for (const trade of batch) sum = BigInt.asIntN(64, sum + trade.priceMantissa)
  }
  return sum
}

function sumTimes(log) {
  let sum = 0n
  let last = 0n
  for (const batch of log.replay({ types: ['trade'] })) {
    for (const trade of batch) {
      sum = BigInt.asIntN(64, sum + trade.priceMantissa)
      if (trade.tsRecv <= last) throw new Error('the order of receipt is lost')
      last = trade.tsRecv
    }
  }
  return sum
}

function sumTexts(log) {
  let length = 0
  for (const batch of log.replay({ types: ['trade'] })) for (const trade of batch) length += trade.price.length
  return length
}

/** Compares every text with its mantissa, once; returns the sum of the texts' lengths. */
function checkTexts(log, trades) {
  let length = 0
  let count = 0
  for (const batch of log.replay({ types: ['trade'] })) {
    for (const trade of batch) {
      const text = trade.price
      if (BigInt(text.replace('.', '')) !== trade.priceMantissa)
        throw new Error(`${text} is not ${trade.priceMantissa}`)
      length += text.length
      count++
    }
  }
  expectEqual('trades', count, trades)
  return length
}
