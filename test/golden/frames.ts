// The frames behind the golden files: short messages in each venue's documented form, over two UTC days. What they become is
// frozen in v1/; frames may be added for a v2 of the format, never changed for v1.
import { crc32 } from 'node:zlib'

export interface GoldenFrame {
  /** ns since the epoch. */
  tsRecv: bigint
  venue: string
  connection: number
  /** The address picks the protocol. */
  url: string
  kind: 'open' | 'frame' | 'rest' | 'close' | 'lost'
  /** Path of a REST answer. */
  path?: string
  text?: string
}

const MIDNIGHT = 1723161600_000_000_000n
const SECOND = 1_000_000_000n

/** Kraken's rule, from the texts: points and leading zeros away, asks first. */
function krakenChecksum(asks: readonly Level[], bids: readonly Level[]): number {
  const digits = (text: string): string => text.replace('.', '').replace(/^0+/, '')
  return crc32([...asks, ...bids].map(([price, size]) => digits(price) + digits(size)).join(''))
}
type Level = readonly [price: string, size: string]

const SPOT = { venue: 'binance', connection: 1, url: 'wss://stream.binance.com:9443/stream' }
const USDM = { venue: 'binance-usdm', connection: 2, url: 'wss://fstream.binance.com/public/stream' }
const COINM = { venue: 'binance-coinm', connection: 3, url: 'wss://dstream.binance.com/stream' }
const KRAKEN_1 = { venue: 'kraken', connection: 4, url: 'wss://ws.kraken.com' }
const KRAKEN_2 = { venue: 'kraken', connection: 5, url: 'wss://ws.kraken.com/v2' }
const COINBASE = { venue: 'coinbase', connection: 6, url: 'wss://advanced-trade-ws.coinbase.com' }

const asks: Level[] = [
  ['61000.10000', '0.50000000'],
  ['61000.20000', '1.25000000'],
]
const bids: Level[] = [
  ['60999.90000', '0.10000000'],
  ['60999.80000', '2.00000001'],
]
const krakenLevels = (levels: readonly Level[]): string =>
  JSON.stringify(levels.map(([p, s]) => [p, s, '1723161590.123456']))
const krakenObjects = (levels: readonly Level[]): string =>
  `[${levels.map(([p, s]) => `{"price":${p.replace(/0+$/, '')},"qty":${s}}`).join(',')}]`

/** A Coinbase snapshot that does not fit one record: 1,200 levels. */
const manyLevels = Array.from({ length: 1200 }, (_, i) => {
  const side = i % 2 === 0 ? 'bid' : 'offer'
  const price = i % 2 === 0 ? `${60999 - (i >> 1)}.5` : `${61001 + (i >> 1)}.25`
  return `{"side":"${side}","event_time":"2024-08-08T23:59:55.123456Z","price_level":"${price}","new_quantity":"0.${i + 1}"}`
}).join(',')

function at(beforeMidnight: number, rest: Omit<GoldenFrame, 'tsRecv'>): GoldenFrame {
  return { tsRecv: MIDNIGHT - BigInt(Math.round(beforeMidnight * 1e6)) * 1000n, ...rest }
}

export const GOLDEN_FRAMES: readonly GoldenFrame[] = [
  ...[SPOT, USDM, COINM, KRAKEN_1, KRAKEN_2, COINBASE].map((one, i) =>
    at(10 - i / 10, { ...one, kind: 'open' as const }),
  ),
  // Binance spot: trade with order ids, quote, updates around a snapshot.
  at(9, {
    ...SPOT,
    kind: 'frame',
    text: '{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161591000,"s":"BTCUSDT","t":3735684171,"p":"61831.99000000","q":"0.01000000","b":20720542158,"a":20720542592,"T":1723161590999,"m":true,"M":true}}',
  }),
  at(8.9, {
    ...SPOT,
    kind: 'frame',
    text: '{"stream":"btcusdt@bookTicker","data":{"u":50093260948,"s":"BTCUSDT","b":"61831.99000000","B":"3.30470000","a":"61832.00000000","A":"0.12646000"}}',
  }),
  at(8.8, {
    ...SPOT,
    kind: 'frame',
    text: '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161591200,"s":"BTCUSDT","U":50093260930,"u":50093260954,"b":[["61831.99000000","3.30470000"],["61827.51000000","0.00000000"]],"a":[["61832.00000000","0.12611000"]]}}',
  }),
  at(8.7, {
    ...SPOT,
    kind: 'rest',
    path: '/api/v3/depth?symbol=BTCUSDT&limit=5000',
    text: '{"lastUpdateId":50093260950,"bids":[["61831.99000000","3.30000000"],["61827.51000000","1.00000000"]],"asks":[["61832.00000000","0.20000000"]]}',
  }),
  at(8.6, {
    ...SPOT,
    kind: 'frame',
    text: '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161591300,"s":"BTCUSDT","U":50093260955,"u":50093260960,"b":[],"a":[["61832.00000000","0.00000000"],["61833.10000000","12.00000000"]]}}',
  }),
  at(8.5, { ...SPOT, kind: 'frame', text: '{"result":null,"id":1}' }),
  at(8.4, {
    ...SPOT,
    kind: 'frame',
    text: '{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1723161591600,"s":"BTCUSDT","k":{"t":1723161540000,"o":"61830.00"}}}',
  }),
  at(8.3, { ...SPOT, kind: 'frame', text: '{"stream":"btcusdt@trade","data":{"e":"trade","E":17231615' }),
  // USD-M: numbers with few decimals, then one with more; a skipped update.
  at(8, {
    ...USDM,
    kind: 'frame',
    text: '{"stream":"ethusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161592010,"T":1723161592002,"s":"ETHUSDT","U":101,"u":110,"pu":100,"b":[["2681.62","16.969"]],"a":[["2681.63","0.000"]]}}',
  }),
  at(7.9, {
    ...USDM,
    kind: 'frame',
    text: '{"stream":"ethusdt@aggTrade","data":{"e":"aggTrade","E":1723161592110,"s":"ETHUSDT","a":900,"p":"2681.62","q":"1.165","f":5000,"l":5003,"T":1723161592105,"m":false}}',
  }),
  at(7.8, {
    ...USDM,
    kind: 'frame',
    text: '{"stream":"ethusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161592210,"T":1723161592202,"s":"ETHUSDT","U":121,"u":130,"pu":120,"b":[["2681.6255","1.5"]],"a":[]}}',
  }),
  at(7.7, {
    ...USDM,
    kind: 'rest',
    path: '/fapi/v1/depth?symbol=ETHUSDT&limit=1000',
    text: '{"lastUpdateId":125,"E":1723161592300,"T":1723161592295,"bids":[["2681.6200","2.000"]],"asks":[["2681.7000","3.250"]]}',
  }),
  at(7.6, {
    ...USDM,
    kind: 'frame',
    text: '{"stream":"ethusdt@bookTicker","data":{"e":"bookTicker","u":131,"s":"ETHUSDT","b":"2681.6200","B":"2.000","a":"2681.7000","A":"3.250","T":1723161592400,"E":1723161592405}}',
  }),
  at(7.5, {
    ...USDM,
    kind: 'frame',
    text: '{"stream":"ethusdt@trade","data":{"e":"trade","E":1723161592500,"T":1723161592499,"s":"ETHUSDT","t":77,"p":"2681.7000","q":"0.001","X":"INSURANCE_FUND","m":false}}',
  }),
  // COIN-M: contracts without decimals.
  at(7, {
    ...COINM,
    kind: 'frame',
    text: '{"stream":"btcusd_perp@depth@100ms","data":{"e":"depthUpdate","E":1723161593010,"T":1723161593002,"s":"BTCUSD_PERP","ps":"BTCUSD","U":9007199254740993,"u":9007199254740995,"pu":9007199254740990,"b":[["61668.6","1243"]],"a":[["61668.7","0"]]}}',
  }),
  // Kraken v1 and v2: snapshots and checksums.
  at(6, { ...KRAKEN_1, kind: 'frame', text: '{"event":"heartbeat"}' }),
  at(5.9, {
    ...KRAKEN_1,
    kind: 'frame',
    text: `[336,{"as":${krakenLevels(asks)},"bs":${krakenLevels(bids)}},"book-10","XBT/USD"]`,
  }),
  at(5.8, {
    ...KRAKEN_1,
    kind: 'frame',
    text: `[336,{"a":[["61000.10000","0.00000000","1723161594.200001"]],"c":"${krakenChecksum(asks.slice(1), bids)}"},"book-10","XBT/USD"]`,
  }),
  at(5.7, {
    ...KRAKEN_1,
    kind: 'frame',
    text: '[337,[["61000.20000","0.00500000","1723161594.300000","b","l",""],["61000.20000","0.10000000","1723161594.300001","b","m",""]],"trade","XBT/USD"]',
  }),
  at(5.6, {
    ...KRAKEN_1,
    kind: 'frame',
    text: '[340,{"a":["61000.20000",1,"1.25000000"],"b":["60999.90000",0,"0.10000000"],"c":["61000.20000","0.00500000"]},"ticker","XBT/USD"]',
  }),
  at(5, {
    ...KRAKEN_2,
    kind: 'frame',
    text: '{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"online","qty_precision":8,"qty_increment":0.00000001,"price_precision":5,"price_increment":0.00001}]}}',
  }),
  at(4.9, {
    ...KRAKEN_2,
    kind: 'frame',
    text: `{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":${krakenObjects(bids)},"asks":${krakenObjects(asks)},"checksum":${krakenChecksum(asks, bids)}}]}`,
  }),
  at(4.8, {
    ...KRAKEN_2,
    kind: 'frame',
    text: `{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":60999.9,"qty":1E-8}],"asks":[],"checksum":${krakenChecksum(asks, [['60999.90000', '0.00000001'], bids[1] as Level])},"timestamp":"2024-08-08T23:59:55.200123Z"}]}`,
  }),
  at(4.7, {
    ...KRAKEN_2,
    kind: 'frame',
    text: '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":60999.9,"qty":0.25,"ord_type":"market","trade_id":4665905,"timestamp":"2024-08-08T23:59:55.300456Z"}]}',
  }),
  // Coinbase: numbered frames, a split snapshot, history, a number that is missing.
  at(4, {
    ...COINBASE,
    kind: 'frame',
    text: '{"channel":"subscriptions","timestamp":"2024-08-08T23:59:56.000000001Z","sequence_num":0,"events":[{"subscriptions":{"level2":["BTC-USD"]}}]}',
  }),
  at(3.9, {
    ...COINBASE,
    kind: 'frame',
    text: `{"channel":"l2_data","client_id":"","timestamp":"2024-08-08T23:59:56.100000002Z","sequence_num":1,"events":[{"type":"snapshot","product_id":"BTC-USD","updates":[${manyLevels}]}]}`,
  }),
  at(3.8, {
    ...COINBASE,
    kind: 'frame',
    text: '{"channel":"market_trades","client_id":"","timestamp":"2024-08-08T23:59:56.200000003Z","sequence_num":2,"events":[{"type":"snapshot","trades":[{"trade_id":"12","product_id":"BTC-USD","price":"61000.5","size":"0.002186","side":"BUY","time":"2024-08-08T23:59:50.514318Z"},{"trade_id":"11","product_id":"BTC-USD","price":"61000","size":"1","side":"SELL","time":"2024-08-08T23:59:49.5Z"}]}]}',
  }),
  at(3.7, {
    ...COINBASE,
    kind: 'frame',
    text: '{"channel":"ticker","client_id":"","timestamp":"2024-08-08T23:59:56.300000004Z","sequence_num":4,"events":[{"type":"update","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"61000.5","best_bid":"60999.5","best_bid_quantity":"0.1","best_ask":"61001.25","best_ask_quantity":"0.2"}]}]}',
  }),
  // Midnight: the spot connection goes on, the USD-M one is lost and comes back under another number.
  at(1, { ...USDM, kind: 'lost' }),
  at(0.9, { ...USDM, kind: 'close' }),
  at(-1, {
    ...SPOT,
    kind: 'frame',
    text: '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161600900,"s":"BTCUSDT","U":50093260961,"u":50093260961,"b":[["61831.00000000","7.00000000"]],"a":[]}}',
  }),
  at(-2, { ...USDM, connection: 7, kind: 'open' }),
  at(-2.1, {
    ...USDM,
    connection: 7,
    kind: 'frame',
    text: '{"stream":"ethusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161602010,"T":1723161602002,"s":"ETHUSDT","U":201,"u":210,"pu":200,"b":[["2680.0000","1.000"]],"a":[]}}',
  }),
  ...[SPOT, { ...USDM, connection: 7 }, COINM, KRAKEN_1, KRAKEN_2, COINBASE].map((one, i) =>
    at(-3 - i / 10, { ...one, kind: 'close' as const }),
  ),
]

export const GOLDEN_START = MIDNIGHT - 10n * SECOND
