// What a table of several instruments has in common: one dictionary of names and one scale for prices and for sizes.
import { TickforgeError } from '../errors.ts'
import type { ColumnSource, PriceType } from '../native/binding.ts'
import type { InstrumentDefinition } from '../records/definition.ts'
import { CAUSES, RECORD_TYPES, TRADE_KINDS } from './names.ts'
import type { ExportSource, ExportWindow } from './source.ts'

/** A 64-bit mantissa times 10^18 always fits the 38 digits of an Arrow decimal; times 10^20 it need not. */
export const SHIFT_MAX = 18

/** The last text of each list is that of numbers without a name. */
const NAMED = Uint8Array.from([TRADE_KINDS, CAUSES, RECORD_TYPES], (names) => names.indexOf('unknown'))

const ALWAYS = { from: -(2n ** 63n), to: 2n ** 63n - 1n }

/** Turns windows into requests to the native extraction. */
export interface ColumnPlan {
  readonly priceType: PriceType
  /** What the values of the `segment` column stand for. */
  readonly segments: readonly string[]
  request(window: ExportWindow): ColumnSource
}

export interface TablePlan extends ColumnPlan {
  /** Dictionary of the `instrument` column. */
  readonly instruments: readonly string[]
  /** Digits behind the point of every price and every size. */
  readonly priceScale: number
  readonly sizeScale: number
  /** An instrument that has as many. */
  readonly finest: { readonly price: string; readonly size: string }
}

/** Rows with prices and sizes at a common scale. Throws TF_SCALE when the instruments are too far apart for one. */
export function tablePlan(source: ExportSource, priceType: PriceType): TablePlan {
  const wanted = wantedDefinitions(source)
  const instruments = [...new Set(wanted.map((definition) => definition.key))].sort()
  const indexOf = new Map(instruments.map((key, index) => [key, index]))
  const price = commonScale(wanted, 'price', priceType, (definition) => definition.priceDecimals)
  const size = commonScale(wanted, 'size', priceType, (definition) => definition.sizeDecimals)
  const scales = { priceScale: price.scale, sizeScale: size.scale }
  const request = requests(source, (definition) => indexOf.get(definition.key) ?? -1, scales)
  const finest = { price: price.finest, size: size.finest }
  return { priceType, segments: source.segments, instruments, ...scales, finest, request }
}

export interface RawPlan extends ColumnPlan {
  /** What the values of the `instrument` column stand for. */
  readonly definitions: readonly InstrumentDefinition[]
}

/** Rows with bare mantissas, each with its dated definition in place of the instrument: for exact text. */
export function rawPlan(source: ExportSource): RawPlan {
  const definitions = wantedDefinitions(source)
  const indexOf = new Map(definitions.map((definition, index) => [definition, index]))
  const request = requests(source, (definition) => indexOf.get(definition) ?? -1)
  return { priceType: 'int64', segments: source.segments, definitions, request }
}

function wantedDefinitions(source: ExportSource): InstrumentDefinition[] {
  return [...source.definitions()].filter((definition) => source.instruments?.has(definition.key) ?? true)
}

function commonScale(
  definitions: readonly InstrumentDefinition[],
  what: 'price' | 'size',
  priceType: PriceType,
  decimalsOf: (definition: InstrumentDefinition) => number,
): { scale: number; finest: string } {
  let finest: InstrumentDefinition | undefined
  let coarsest: InstrumentDefinition | undefined
  for (const definition of definitions) {
    if (finest === undefined || decimalsOf(definition) > decimalsOf(finest)) finest = definition
    if (coarsest === undefined || decimalsOf(definition) < decimalsOf(coarsest)) coarsest = definition
  }
  if (finest === undefined || coarsest === undefined) return { scale: 0, finest: '' }
  const scale = Math.max(0, decimalsOf(finest))
  // Doubles have no common scale: each is rounded from its own.
  if (priceType !== 'float64' && (scale - decimalsOf(coarsest) > SHIFT_MAX || scale > 38)) {
    throw new TickforgeError(
      'TF_SCALE',
      `no ${what} column of 38 digits can hold both ${finest.key} (${decimalsOf(finest)} decimals) and ` +
        `${coarsest.key} (${decimalsOf(coarsest)} decimals)`,
    )
  }
  return { scale, finest: finest.key }
}

interface Scales {
  readonly priceScale: number
  readonly sizeScale: number
}

/** Requests share their tables as long as the window's definitions are the same. */
function requests(
  source: ExportSource,
  indexOf: (definition: InstrumentDefinition) => number,
  scales?: Scales,
): (window: ExportWindow) => ColumnSource {
  let known: readonly (InstrumentDefinition | undefined)[] | undefined
  let tables = shiftTables([], indexOf, scales)
  return (window) => {
    const { buffer, payloads, definitions, segment, journal } = window
    if (definitions !== known || definitions.length !== tables.instruments.length) {
      known = definitions
      tables = shiftTables(definitions, indexOf, scales)
    }
    const { from, to } = window.isGap === true ? ALWAYS : source
    const { priceScale, sizeScale } = scales ?? { priceScale: 0, sizeScale: 0 }
    const place = { segment, journal, named: NAMED, priceScale, sizeScale }
    return { buffer, payloads, position: new Float64Array(4), from, to, ...place, ...tables }
  }
}

function shiftTables(
  definitions: readonly (InstrumentDefinition | undefined)[],
  indexOf: (definition: InstrumentDefinition) => number,
  scales: Scales | undefined,
): Pick<ColumnSource, 'instruments' | 'priceShift' | 'sizeShift'> {
  const instruments = new Int32Array(definitions.length).fill(-1)
  const priceShift = new Uint8Array(definitions.length)
  const sizeShift = new Uint8Array(definitions.length)
  for (const [number, definition] of definitions.entries()) {
    const index = definition === undefined ? -1 : indexOf(definition)
    if (definition === undefined || index < 0) continue
    instruments[number] = index
    if (scales === undefined) continue
    priceShift[number] = scales.priceScale - definition.priceDecimals
    sizeShift[number] = scales.sizeScale - definition.sizeDecimals
  }
  return { instruments, priceShift, sizeShift }
}
