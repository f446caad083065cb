// The part of Binance's REST interface that a recorder of market data asks for.
import type { InstrumentSpec } from '../instruments.ts'
import { fixed } from '../text.ts'
import { type BinanceInstrument, type BinanceMarket, levelsText, pairOf } from './binance-streams.ts'
import { json, parseStrings, type RestAnswer } from './venue.ts'

export const REST_PREFIX: Record<BinanceMarket, string> = { spot: '/api/v3', usdm: '/fapi/v1', coinm: '/dapi/v1' }

const SPOT_LIMIT = { usual: 100, most: 5000 }
const FUTURES_LIMITS = [5, 10, 20, 50, 100, 500, 1000]

export function binanceRest(
  market: BinanceMarket,
  instruments: ReadonlyMap<string, BinanceInstrument>,
  url: URL,
  nowMs: number,
): RestAnswer {
  const prefix = REST_PREFIX[market]
  if (!url.pathname.startsWith(`${prefix}/`)) return json(404, '<html><body><h2>404 Not found</h2></body></html>')
  switch (url.pathname.slice(prefix.length)) {
    case '/ping':
      return json(200, '{}')
    case '/time':
      return json(200, `{"serverTime":${nowMs}}`)
    case '/exchangeInfo':
      return exchangeInfo(market, instruments, url, nowMs)
    case '/depth':
      return depth(market, instruments, url, nowMs)
    default:
      return json(404, '<html><body><h2>404 Not found</h2></body></html>')
  }
}

function invalidSymbol(): RestAnswer {
  return json(400, '{"code":-1121,"msg":"Invalid symbol."}')
}

function depth(
  market: BinanceMarket,
  instruments: ReadonlyMap<string, BinanceInstrument>,
  url: URL,
  nowMs: number,
): RestAnswer {
  const symbol = url.searchParams.get('symbol')
  if (symbol === null || symbol === '') {
    return json(400, `{"code":-1102,"msg":"Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."}`)
  }
  const instrument = instruments.get(symbol)
  if (instrument === undefined) return invalidSymbol()
  const asked = url.searchParams.get('limit')
  let limit = asked === null ? (market === 'spot' ? SPOT_LIMIT.usual : 500) : Number(asked)
  if (!Number.isSafeInteger(limit) || limit < 1)
    return json(400, `{"code":-1130,"msg":"Data sent for parameter 'limit' is not valid."}`)
  if (market === 'spot') limit = Math.min(limit, SPOT_LIMIT.most)
  else if (!FUTURES_LIMITS.includes(limit)) return json(400, `{"code":-4021,"msg":"Invalid depth limit."}`)
  const { synthetic, updateId } = instrument
  const spec = synthetic.spec
  const levels = `"bids":${levelsText(spec, synthetic.bids, limit)},"asks":${levelsText(spec, synthetic.asks, limit)}`
  if (market === 'spot') return json(200, `{"lastUpdateId":${updateId},${levels}}`)
  const names = market === 'coinm' ? `"symbol":"${spec.symbol}","pair":"${pairOf(spec)}",` : ''
  return json(200, `{"lastUpdateId":${updateId},"E":${nowMs},"T":${nowMs},${names}${levels}}`)
}

function exchangeInfo(
  market: BinanceMarket,
  instruments: ReadonlyMap<string, BinanceInstrument>,
  url: URL,
  nowMs: number,
): RestAnswer {
  let wanted = [...instruments.values()]
  // Only spot selects; the futures markets answer with everything.
  if (market === 'spot') {
    const one = url.searchParams.get('symbol')
    const many = url.searchParams.get('symbols')
    let symbols: string[] | undefined
    if (one !== null) symbols = [one]
    else if (many !== null) {
      try {
        symbols = parseStrings(JSON.parse(many))
      } catch {
        symbols = undefined
      }
      if (symbols === undefined)
        return json(400, `{"code":-1100,"msg":"Illegal characters found in parameter 'symbols'."}`)
    }
    if (symbols !== undefined) {
      const found = symbols.map((symbol) => instruments.get(symbol))
      if (found.includes(undefined)) return invalidSymbol()
      wanted = found as BinanceInstrument[]
    }
  }
  const symbols = wanted.map((instrument) => symbolInfo(market, instrument.synthetic.spec)).join(',')
  return json(
    200,
    `{"timezone":"UTC","serverTime":${nowMs},"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE",` +
      `"intervalNum":1,"limit":${market === 'spot' ? 6000 : 2400}}],"exchangeFilters":[],"symbols":[${symbols}]}`,
  )
}

function symbolInfo(market: BinanceMarket, spec: InstrumentSpec): string {
  const tick = fixed(spec.tick, spec.priceScale)
  const lot = fixed(spec.lot, spec.sizeScale)
  const filters =
    `"filters":[{"filterType":"PRICE_FILTER","minPrice":"${tick}","maxPrice":"${fixed(spec.midTicks * spec.tick * 20, spec.priceScale)}",` +
    `"tickSize":"${tick}"},{"filterType":"LOT_SIZE","minQty":"${lot}","maxQty":"${fixed(spec.usualLots * spec.lot * 1000, spec.sizeScale)}",` +
    `"stepSize":"${lot}"}]`
  const assets = `"baseAsset":"${spec.base}","quoteAsset":"${spec.quote}"`
  if (market === 'spot') {
    return (
      `{"symbol":"${spec.symbol}","status":"TRADING",${assets},"baseAssetPrecision":8,"quotePrecision":8,` +
      `"quoteAssetPrecision":8,"orderTypes":["LIMIT","MARKET"],"isSpotTradingAllowed":true,${filters},"permissionSets":[["SPOT"]]}`
    )
  }
  const precisions = `"pricePrecision":${spec.priceScale},"quantityPrecision":${spec.sizeScale}`
  // Launch of the perpetual contracts, and the date that Binance uses for "no delivery".
  const dates = '"deliveryDate":4133404800000,"onboardDate":1569398400000'
  if (market === 'usdm') {
    return (
      `{"symbol":"${spec.symbol}","pair":"${spec.symbol}","contractType":"PERPETUAL",${dates},"status":"TRADING",${assets},` +
      `"marginAsset":"${spec.quote}",${precisions},"baseAssetPrecision":8,"quotePrecision":8,"underlyingType":"COIN",${filters}}`
    )
  }
  return (
    `{"symbol":"${spec.symbol}","pair":"${pairOf(spec)}","contractType":"PERPETUAL",${dates},"contractStatus":"TRADING",` +
    `"contractSize":${spec.base === 'BTC' ? 100 : 10},${assets},"marginAsset":"${spec.base}",${precisions},` +
    `"baseAssetPrecision":8,"quotePrecision":8,"underlyingType":"COIN",${filters}}`
  )
}
