// What Coinbase's REST interface says of its products, kept until an instrument is used: an answer names all of them.
import { InstrumentKind, Integrity, PrintRule } from '../../records/layout.ts'
import { DECIMALS_MAX, DEFINITION_DEFAULTS, type Definition } from '../instruments.ts'
import { FrameError, type JsonReader, key } from '../json-reader.ts'

const PRODUCTS = key('products')
const PRODUCT_ID = key('product_id')
const BASE_INCREMENT = key('base_increment')
const QUOTE_INCREMENT = key('quote_increment')
const PRICE_INCREMENT = key('price_increment')
const PRODUCT_TYPE = key('product_type')
const BASE_ID = key('base_currency_id')
const QUOTE_ID = key('quote_currency_id')
const SPOT = key('SPOT')
const FUTURE = key('FUTURE')

/** Of a product that nothing is known of. More decimals are taken as they come. */
const UNKNOWN: Definition = {
  ...DEFINITION_DEFAULTS,
  priceDecimals: 2,
  sizeDecimals: 8,
  pricePrint: PrintRule.minimal,
  sizePrint: PrintRule.minimal,
  integrity: Integrity.connectionSequence,
}

export interface Product {
  symbol: string
  definition: Definition
  /** What it says of its kind that this version does not know. */
  unknownType?: string
}

export class ProductTable {
  readonly #definitions = new Map<string, Definition>()

  add(product: Product): void {
    this.#definitions.set(product.symbol, product.definition)
  }

  /** The definition to start with; it is not kept any longer. */
  take(symbol: string): Definition {
    const definition = this.#definitions.get(symbol) ?? guess(symbol)
    this.#definitions.delete(symbol)
    return definition
  }

  /** Reads {"products":[..]} at the reader's cursor. */
  static read(reader: JsonReader): Product[] {
    const products: Product[] = []
    reader.enter()
    reader.require(PRODUCTS)
    reader.array()
    while (reader.next()) products.push(readProduct(reader))
    reader.leave()
    return products
  }
}

function readProduct(reader: JsonReader): Product {
  reader.enter()
  reader.require(PRODUCT_ID)
  const symbol = reader.string()
  const base = text(reader, BASE_INCREMENT)
  // The step of a price; the quote currency's own step stands for it where it is missing.
  const quote = text(reader, QUOTE_INCREMENT)
  let kind: InstrumentKind = InstrumentKind.unknown
  let unknownType: string | undefined
  if (reader.find(PRODUCT_TYPE)) {
    if (reader.takeIf(SPOT)) kind = InstrumentKind.spot
    else if (reader.takeIf(FUTURE)) kind = InstrumentKind.future
    else unknownType = reader.raw()
  }
  const quoteCurrency = text(reader, QUOTE_ID)
  const baseCurrency = text(reader, BASE_ID)
  const price = increment(text(reader, PRICE_INCREMENT) || quote)
  const size = increment(base)
  reader.leave()
  const definition = {
    ...UNKNOWN,
    ...(price === undefined ? {} : { priceDecimals: price.decimals, tickSize: price.mantissa }),
    ...(size === undefined ? {} : { sizeDecimals: size.decimals, lotSize: size.mantissa }),
    kind,
    base: baseCurrency,
    quote: quoteCurrency,
  }
  return { symbol, definition, ...(unknownType === undefined ? {} : { unknownType }) }
}

function text(reader: JsonReader, name: Uint8Array): string {
  return reader.find(name) && reader.isString() ? reader.string() : ''
}

/** '0.010' -> 2 decimals, mantissa 1. */
function increment(text: string): { decimals: number; mantissa: bigint } | undefined {
  if (text === '') return undefined
  const parts = /^(\d+)(?:\.(\d+))?$/.exec(text)
  if (parts === null) throw new FrameError('an increment is not a decimal')
  const fraction = (parts[2] ?? '').replace(/0+$/, '')
  if (fraction.length > DECIMALS_MAX) throw new FrameError('an increment is too small')
  const mantissa = BigInt(`${parts[1]}${fraction}`)
  return mantissa < 2n ** 63n ? { decimals: fraction.length, mantissa } : undefined
}

function guess(symbol: string): Definition {
  const [base, quote, ...more] = symbol.split('-')
  if (base === undefined || quote === undefined || more.length > 0) return UNKNOWN
  return { ...UNKNOWN, kind: InstrumentKind.spot, base, quote }
}
