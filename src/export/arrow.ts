// Arrow out: a table in memory over native columns, or a file written batch by batch.
import type { FileHandle } from 'node:fs/promises'
import { AsyncByteQueue, type RecordBatch, RecordBatchFileWriter, Table } from 'apache-arrow'
import type { ColumnTableType, NativeColumns } from '../native/binding.ts'
import { ArrowShape } from './arrow-batch.ts'
import { createColumns, fillColumns } from './columns.ts'
import { EarlySync, writeChunks, writeFileWhole } from './output-file.ts'
import { tablePlan } from './plan.ts'
import type { ExportSource } from './source.ts'

/** Rows of a batch of a table in memory, and of a batch in a file: a file's batches are held twice while it is written. */
const TABLE_BATCH_ROWS = 1 << 20
const FILE_BATCH_ROWS = 1 << 18

/**
 * Records of one type as an Arrow table. Its columns lie in native memory that lives as long as the table; nothing is copied row by
 * row. Prices and sizes are decimals at a scale common to all its instruments. Throws TF_SCALE, TF_CORRUPT.
 */
export function toArrowTable(source: ExportSource, type: ColumnTableType): Table {
  const plan = tablePlan(source)
  const filled = [...fillColumns(source, plan, () => createColumns(type, TABLE_BATCH_ROWS))]
  const places = (filled[0] ?? createColumns(type, 0)).columns()
  const shape = new ArrowShape(type, plan, places, filled.some(hasTexts))
  return new Table(
    shape.schema,
    filled.map((columns) => shape.batch(columns, true)),
  )
}

/**
 * Writes records of one type as an Arrow IPC file, uncompressed, so that it can be mapped. The file is there whole or not at all;
 * memory is bounded by two batches. Returns its rows. Throws TF_SCALE, TF_CORRUPT, TF_DISK_FULL, TF_NO_DIRECTORY, TF_IO,
 * which speak of the file `named` when `path` is only a step on the way to it.
 */
export async function writeArrowFile(
  source: ExportSource,
  type: ColumnTableType,
  path: string,
  named = path,
): Promise<number> {
  const write = (withTexts: boolean): Promise<number | undefined> =>
    writeArrowOnce(source, type, { path, named }, withTexts)
  // The first id that is text changes the schema, which a file tells before its first row.
  return (await write(false)) ?? ((await write(true)) as number)
}

/** Undefined: an id that is text turned up and there was no column for it. */
async function writeArrowOnce(
  source: ExportSource,
  type: ColumnTableType,
  file: { path: string; named: string },
  withTexts: boolean,
): Promise<number | undefined> {
  const plan = tablePlan(source)
  // While one set is written, the other is filled.
  const sets = [createColumns(type, FILE_BATCH_ROWS), createColumns(type, FILE_BATCH_ROWS)] as const
  const shape = new ArrowShape(type, plan, sets[0].columns(), withTexts)
  const texts = Symbol('texts')
  const writeBatches = async (handle: FileHandle): Promise<number> => {
    const batches = new BatchFile(shape)
    const early = new EarlySync(handle)
    let rows = 0
    let turn = 0
    let written: Promise<void> = Promise.resolve()
    const next = (): NativeColumns => {
      const columns = sets[turn++ % 2] as NativeColumns
      columns.reset()
      return columns
    }
    try {
      for (const columns of fillColumns(source, plan, next)) {
        if (!withTexts && hasTexts(columns)) throw texts
        rows += columns.rows
        const chunks = batches.add(shape.batch(columns, false))
        await written
        written = writeChunks(handle, chunks).then(() => early.start())
        // Reported where it is awaited; until then it must not count as unhandled.
        written.catch(() => {})
      }
    } finally {
      await written
    }
    await writeChunks(handle, batches.end())
    await early.end()
    return rows
  }
  try {
    return await writeFileWhole(file.path, (handle) => writeBatches(handle), file.named)
  } catch (thrown) {
    if (thrown === texts) return undefined
    throw thrown
  }
}

function hasTexts(columns: NativeColumns): boolean {
  return columns.texts().length > 0
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
  readonly #writer = new RecordBatchFileWriter()
  readonly #shape: ArrowShape
  #batches = 0

  constructor(shape: ArrowShape) {
    this.#shape = shape
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
