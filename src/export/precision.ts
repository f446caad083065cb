// How many digits the decimals of an export have: 18, with which every library computes, unless a value needs more.
import { TickforgeError } from '../errors.ts'
import type { ColumnTableType, NativeColumns, PriceType } from '../native/binding.ts'
import { createColumns, fillColumns, reused } from './columns.ts'
import { type Output, writeOutput } from './output-file.ts'
import { type TablePlan, tablePlan } from './plan.ts'
import type { ExportSource } from './source.ts'

export const NARROW_DIGITS = 18
export const WIDE_DIGITS = 38

const MEASURE_ROWS = 1 << 16

/** Digits of prices and of sizes. */
export interface Precision {
  readonly price: number
  readonly size: number
}

/** How prices and sizes are exported. */
export interface PriceOptions {
  /** Default: 'decimal'. 'float64' is lossy: each value is the double that is nearest to the exact one. */
  readonly priceType?: PriceType
}

/** A value that the schema has no room for turned up while the file was written. */
class TooWide extends Error {}

/** What columns that were filled so far need. Throws TF_SCALE when integers cannot hold it. */
export function precisionOf(plan: TablePlan, filled: readonly NativeColumns[]): Precision {
  const digits = (what: 'price' | 'size', scale: number): number => {
    const wide = filled.map((columns) => columns.wide()[what]).find((instrument) => instrument >= 0)
    if (wide !== undefined && plan.priceType === 'int64') throw tooWideForIntegers(plan, what, wide)
    return wide !== undefined || scale > NARROW_DIGITS ? WIDE_DIGITS : NARROW_DIGITS
  }
  return { price: digits('price', plan.priceScale), size: digits('size', plan.sizeScale) }
}

/**
 * Writes a table whose schema stands before its first row. A file is begun with 18 digits and, should a value need more, written once more
 * with 38; what goes into a pipe cannot be taken back, so that all rows are looked at first.
 */
export async function writeTable(
  source: ExportSource,
  type: ColumnTableType,
  path: string,
  priceType: PriceType,
  write: (output: Output, table: TableWriting) => Promise<number>,
): Promise<number> {
  const plan = tablePlan(source, priceType)
  let precision: Precision | undefined
  for (;;) {
    try {
      return await writeOutput(path, (output) => {
        if (!output.regular && priceType !== 'float64') precision ??= measured(source, type, plan)
        return write(output, new TableWriting(source, plan, precision ?? precisionOf(plan, [])))
      })
    } catch (error) {
      if (!(error instanceof TooWide)) throw error
      precision = measured(source, type, plan)
    }
  }
}

/** The rows of one writing of a table. */
export class TableWriting {
  readonly plan: TablePlan
  readonly precision: Precision
  readonly #source: ExportSource

  constructor(source: ExportSource, plan: TablePlan, precision: Precision) {
    this.#source = source
    this.plan = plan
    this.precision = precision
  }

  /** As fillColumns(). Never yields columns with a value that the precision has no room for. */
  *fill(next: () => NativeColumns): Generator<NativeColumns, void> {
    for (const columns of fillColumns(this.#source, this.plan, next)) {
      const needed = precisionOf(this.plan, [columns])
      const fits = needed.price <= this.precision.price && needed.size <= this.precision.size
      if (!fits && this.plan.priceType === 'decimal') throw new TooWide()
      yield columns
    }
  }
}

function measured(source: ExportSource, type: ColumnTableType, plan: TablePlan): Precision {
  const columns = createColumns(type, MEASURE_ROWS, plan.priceType)
  for (const _ of fillColumns(source, plan, reused(columns)));
  return precisionOf(plan, [columns])
}

function tooWideForIntegers(plan: TablePlan, what: 'price' | 'size', instrument: number): TickforgeError {
  const scale = what === 'price' ? plan.priceScale : plan.sizeScale
  return new TickforgeError(
    'TF_SCALE',
    `a ${what} of ${plan.instruments[instrument]} does not fit 64 bits at the ${scale} decimals of ${plan.finest[what]}`,
  )
}
