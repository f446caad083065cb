// Arrow out: a table in memory over native columns, or a file written batch by batch.
import { AsyncByteQueue, type RecordBatch, RecordBatchFileWriter, RecordBatchStreamWriter, Table } from 'apache-arrow'
import type { ColumnTableType, NativeColumns, PriceType } from '../native/binding.ts'
import { ArrowShape } from './arrow-batch.ts'
import { createColumns, fillColumns } from './columns.ts'
import { tablePlan } from './plan.ts'
import { type PriceOptions, precisionOf, writeTable } from './precision.ts'
import type { ExportSource } from './source.ts'

/** Rows of a batch of a table in memory, and of a batch in a file: a file's batches are held twice while it is written. */
const TABLE_BATCH_ROWS = 1 << 20
const FILE_BATCH_ROWS = 1 << 18

/**
 * Records of one type as an Arrow table. Its columns lie in native memory that lives as long as the table; nothing is copied row by
 * row. Prices and sizes are at a scale common to all its instruments. Throws TF_SCALE, TF_CORRUPT.
 */
export function toArrowTable(source: ExportSource, type: ColumnTableType, priceType: PriceType = 'decimal'): Table {
  const plan = tablePlan(source, priceType)
  let last = createColumns(type, 0, priceType)
  const places = last.columns()
  const filled = [
    ...fillColumns(source, plan, () => {
      last = createColumns(type, TABLE_BATCH_ROWS, priceType, last)
      return last
    }),
  ]
  const shape = new ArrowShape(type, plan, places, precisionOf(plan, filled))
  return new Table(
    shape.schema,
    filled.map((columns) => shape.batch(columns, true)),
  )
}

/** What writeArrowFile() can be asked for. */
export interface ArrowFileOptions extends PriceOptions {
  /** 'file' can be mapped; 'stream' can be read from a pipe. Default: 'file' for a file, 'stream' for a pipe or device. */
  readonly layout?: 'file' | 'stream'
}

/**
 * Writes records of one type as Arrow IPC, uncompressed. A file is there whole or not at all; memory is bounded by two batches.
 * Returns its rows. Throws TF_SCALE, TF_CORRUPT and what writeOutput() throws.
 */
export async function writeArrowFile(
  source: ExportSource,
  type: ColumnTableType,
  path: string,
  options: ArrowFileOptions = {},
): Promise<number> {
  const priceType = options.priceType ?? 'decimal'
  return writeTable(source, type, path, priceType, async (output, table) => {
    // While one set is written, the other is filled.
    const first = createColumns(type, FILE_BATCH_ROWS, priceType)
    const sets = [first, createColumns(type, FILE_BATCH_ROWS, priceType, first)] as const
    const shape = new ArrowShape(type, table.plan, first.columns(), table.precision)
    const file = new BatchFile(shape, options.layout ?? (output.regular ? 'file' : 'stream'))
    let rows = 0
    let turn = 0
    let written: Promise<void> = Promise.resolve()
    const next = (): NativeColumns => {
      const columns = sets[turn++ % 2] as NativeColumns
      columns.reset()
      return columns
    }
    try {
      for (const columns of table.fill(next)) {
        rows += columns.rows
        const chunks = file.add(shape.batch(columns, false))
        await written
        written = output.write(chunks)
        // Reported where it is awaited; until then it must not count as unhandled.
        written.catch(() => {})
      }
    } finally {
      await written
    }
    await output.write(file.end())
    return rows
  })
}

/** Catches the bytes of apache-arrow's file writer, which are views of the batches' own memory. */
class ChunkQueue extends AsyncByteQueue {
  chunks: Uint8Array[] = []

  override write(chunk: Uint8Array): void {
    this.chunks.push(chunk)
  }

  take(): Uint8Array[] {
    const taken = this.chunks
    this.chunks = []
    return taken
  }
}

class BatchFile {
  readonly #queue = new ChunkQueue()
  readonly #writer: RecordBatchFileWriter | RecordBatchStreamWriter
  readonly #shape: ArrowShape
  #batches = 0

  constructor(shape: ArrowShape, layout: 'file' | 'stream') {
    this.#shape = shape
    this.#writer = layout === 'file' ? new RecordBatchFileWriter() : new RecordBatchStreamWriter()
    this.#writer.reset(this.#queue, shape.schema)
  }

  /** Bytes to be written before the batch's memory changes. */
  add(batch: RecordBatch): Uint8Array[] {
    this.#batches++
    this.#writer.write(batch)
    return this.#queue.take()
  }

  /** The last bytes of the file. */
  end(): Uint8Array[] {
    if (this.#batches === 0) this.#writer.write(this.#shape.empty())
    this.#writer.finish()
    return this.#queue.take()
  }
}
