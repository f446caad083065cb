// Runs the native extraction over a source and hands out full sets of columns.
import type { ColumnTableType, NativeColumns, PriceType } from '../native/binding.ts'
import { loadNative } from '../native/binding.ts'
import type { ColumnPlan } from './plan.ts'
import type { ExportSource } from './source.ts'

/** Memory for rows of a plan; with `before`, that of an export which goes on. */
export function createColumns(
  type: ColumnTableType,
  rows: number,
  priceType: PriceType,
  before?: NativeColumns,
): NativeColumns {
  return loadNative().createColumns(type, rows, priceType, before)
}

/** One set that is used over and over. */
export function reused(columns: NativeColumns): () => NativeColumns {
  return () => {
    columns.reset()
    return columns
  }
}

/**
 * Fills one set of columns after another. Each is yielded when it is full, the last one with what is left; never an empty
 * one. `next` gives the set to fill; a set may be used again once the consumer is done with it.
 */
export function* fillColumns(
  source: ExportSource,
  plan: ColumnPlan,
  next: () => NativeColumns,
): Generator<NativeColumns, void> {
  let columns: NativeColumns | undefined
  for (const window of source.windows()) {
    const request = plan.request(window)
    columns ??= next()
    while (!columns.extract(request)) {
      yield columns
      columns = next()
    }
  }
  if (columns !== undefined && columns.rows > 0) yield columns
}
