// What an exchangeInfo answer says of each symbol, as far as a definition holds it.

import { InstrumentKind } from '../../records/layout.ts'
import type { Definition } from '../instruments.ts'
import { type JsonReader, keys } from '../json-reader.ts'

/** {"symbol":"BTCUSDT","baseAsset":"BTC","quoteAsset":"USDT","contractType":"PERPETUAL","filters":[...]}. */
export interface SymbolInfo {
  base: string
  quote: string
  /** As the venue prints them, "0.01000000"; '' when it gives none. */
  tickSize: string
  lotSize: string
  /** Undefined for spot, and for contract types that this version does not know. */
  kind: InstrumentKind | undefined
  /** '' for spot. */
  contractType: string
}

const K = keys(
  'symbols',
  'symbol',
  'baseAsset',
  'quoteAsset',
  'contractType',
  'filters',
  'filterType',
  'tickSize',
  'stepSize',
)

/** Reads the object that the reader stands in, whose "symbols" are in the order of the answer. */
export function readExchangeInfo(reader: JsonReader): Map<string, SymbolInfo> {
  const infos = new Map<string, SymbolInfo>()
  reader.require(K.symbols)
  reader.array()
  while (reader.next()) {
    reader.enter()
    const symbol = text(reader, 'symbol')
    const contractType = text(reader, 'contractType')
    const info: SymbolInfo = {
      base: text(reader, 'baseAsset'),
      quote: text(reader, 'quoteAsset'),
      tickSize: '',
      lotSize: '',
      kind: kindOf(contractType),
      contractType,
    }
    if (reader.find(K.filters)) readFilters(reader, info)
    reader.leave()
    if (symbol !== '') infos.set(symbol, info)
  }
  return infos
}

/** The part of a definition that holds at these decimals. Decimals themselves come from the wire, not from here. */
export function definitionChange(info: SymbolInfo, definition: Definition): Partial<Definition> {
  return {
    base: info.base,
    quote: info.quote,
    tickSize: mantissa(info.tickSize, definition.priceDecimals),
    lotSize: mantissa(info.lotSize, definition.sizeDecimals),
    ...(info.kind === undefined ? {} : { kind: info.kind }),
  }
}

function readFilters(reader: JsonReader, info: SymbolInfo): void {
  reader.array()
  while (reader.next()) {
    reader.enter()
    const type = text(reader, 'filterType')
    if (type === 'PRICE_FILTER') info.tickSize = text(reader, 'tickSize')
    else if (type === 'LOT_SIZE') info.lotSize = text(reader, 'stepSize')
    reader.leave()
  }
}

function text(reader: JsonReader, name: keyof typeof K): string {
  return reader.find(K[name]) && reader.isString() ? reader.string() : ''
}

function kindOf(contractType: string): InstrumentKind | undefined {
  if (contractType.includes('PERPETUAL')) return InstrumentKind.perpetual
  if (/(MONTH|QUARTER)/.test(contractType)) return InstrumentKind.future
  return undefined
}

/** A decimal text as a mantissa; 0 = not known, also when these decimals cannot hold it. */
function mantissa(decimal: string, decimals: number): bigint {
  const parts = /^(\d{1,18})(?:\.(\d*?)0*)?$/.exec(decimal)
  if (parts === null) return 0n
  const fraction = parts[2] ?? ''
  if (fraction.length > decimals) return 0n
  const value = BigInt(`${parts[1]}${fraction.padEnd(decimals, '0')}`)
  return value < 2n ** 63n ? value : 0n
}
