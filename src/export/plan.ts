// What a table of several instruments has in common: one dictionary of names and one scale for prices and for sizes.
import { TickforgeError } from '../errors.ts'
import type { ColumnSource } from '../native/binding.ts'
import type { InstrumentDefinition } from '../records/definition.ts'
import type { ExportSource, ExportWindow } from './source.ts'

/** A 64-bit mantissa times 10^18 always fits the 38 digits of an Arrow decimal; times 10^20 it need not. */
export const SHIFT_MAX = 18

/** Turns windows into requests to the native extraction. */
export interface ColumnPlan {
  request(window: ExportWindow): ColumnSource
}

export interface TablePlan extends ColumnPlan {
  /** Dictionary of the `instrument` column. */
  readonly instruments: readonly string[]
  /** Digits behind the point of every price and every size. */
  readonly priceScale: number
  readonly sizeScale: number
}

/** Rows with decimals at a common scale. Throws TF_SCALE when the instruments are too far apart for one. */
export function tablePlan(source: ExportSource): TablePlan {
  const wanted = wantedDefinitions(source)
  const instruments = [...new Set(wanted.map((definition) => definition.key))].sort()
  const indexOf = new Map(instruments.map((key, index) => [key, index]))
  const priceScale = commonScale(wanted, 'price', (definition) => definition.priceDecimals)
  const sizeScale = commonScale(wanted, 'size', (definition) => definition.sizeDecimals)
  const request = requests(source, (definition) => indexOf.get(definition.key) ?? -1, { priceScale, sizeScale })
  return { instruments, priceScale, sizeScale, request }
}

export interface RawPlan extends ColumnPlan {
  /** What the values of the `instrument` column stand for. */
  readonly definitions: readonly InstrumentDefinition[]
}

/** Rows with bare mantissas, each with its dated definition in place of the instrument: for exact text. */
export function rawPlan(source: ExportSource): RawPlan {
  const definitions = wantedDefinitions(source)
  const indexOf = new Map(definitions.map((definition, index) => [definition, index]))
  return { definitions, request: requests(source, (definition) => indexOf.get(definition) ?? -1) }
}

function wantedDefinitions(source: ExportSource): InstrumentDefinition[] {
  return [...source.definitions()].filter((definition) => source.instruments?.has(definition.key) ?? true)
}

function commonScale(
  definitions: readonly InstrumentDefinition[],
  what: 'price' | 'size',
  decimalsOf: (definition: InstrumentDefinition) => number,
): number {
  let finest: InstrumentDefinition | undefined
  let coarsest: InstrumentDefinition | undefined
  for (const definition of definitions) {
    if (finest === undefined || decimalsOf(definition) > decimalsOf(finest)) finest = definition
    if (coarsest === undefined || decimalsOf(definition) < decimalsOf(coarsest)) coarsest = definition
  }
  if (finest === undefined || coarsest === undefined) return 0
  const scale = Math.max(0, decimalsOf(finest))
  if (scale - decimalsOf(coarsest) > SHIFT_MAX || scale > 38) {
    throw new TickforgeError(
      'TF_SCALE',
      `no ${what} column of 38 digits can hold both ${finest.key} (${decimalsOf(finest)} decimals) and ` +
        `${coarsest.key} (${decimalsOf(coarsest)} decimals)`,
    )
  }
  return scale
}

/** Requests share their tables as long as the window's definitions are the same. */
function requests(
  source: ExportSource,
  indexOf: (definition: InstrumentDefinition) => number,
  scales?: { priceScale: number; sizeScale: number },
): (window: ExportWindow) => ColumnSource {
  let known: readonly (InstrumentDefinition | undefined)[] | undefined
  let tables = { instruments: new Int32Array(0), priceShift: new Uint8Array(0), sizeShift: new Uint8Array(0) }
  return (window) => {
    const { definitions } = window
    if (definitions !== known || definitions.length !== tables.instruments.length) {
      known = definitions
      tables = {
        instruments: new Int32Array(definitions.length).fill(-1),
        priceShift: new Uint8Array(definitions.length),
        sizeShift: new Uint8Array(definitions.length),
      }
      for (const [number, definition] of definitions.entries()) {
        const index = definition === undefined ? -1 : indexOf(definition)
        if (definition === undefined || index < 0) continue
        tables.instruments[number] = index
        if (scales === undefined) continue
        tables.priceShift[number] = scales.priceScale - definition.priceDecimals
        tables.sizeShift[number] = scales.sizeScale - definition.sizeDecimals
      }
    }
    const { buffer, payloads } = window
    return { buffer, payloads, position: new Float64Array(3), from: source.from, to: source.to, ...tables }
  }
}
