// Parquet out, as a stream: row groups are encoded by parquet-wasm (arrow-rs) one after another. It is loaded only here.
import { type RecordBatch, type Schema, Table, tableToIPC } from 'apache-arrow'
import type { RecordBatch as WasmBatch, WriterProperties } from 'parquet-wasm'
import type { ColumnTableType } from '../native/binding.ts'
import { ArrowShape } from './arrow-batch.ts'
import { createColumns, reused } from './columns.ts'
import { type PriceOptions, writeTable } from './precision.ts'
import type { ExportSource } from './source.ts'

type ParquetModule = typeof import('parquet-wasm')

/** About what DuckDB's own row groups have. */
const ROW_GROUP_ROWS = 1 << 17
/** Row groups whose rows are sorted at once. */
const SORTED_GROUPS = 8

/** What writeParquetFile() can be asked for. */
export interface ParquetFileOptions extends PriceOptions {
  /** Rows of a row group, at least 128; default 131,072. Memory grows with it. */
  readonly rowGroupRows?: number
}

/**
 * Writes records of one type as a Parquet file (zstd), row group after row group: memory does not depend on the length of the range. Every
 * eight row groups are sorted by instrument, so that statistics tell which ones an instrument is in. Returns the rows.
 * Throws TF_SCALE, TF_CORRUPT and what writeOutput() throws.
 */
export async function writeParquetFile(
  source: ExportSource,
  type: ColumnTableType,
  path: string,
  options: ParquetFileOptions = {},
): Promise<number> {
  const parquet = await import('parquet-wasm')
  const { priceType = 'decimal', rowGroupRows = ROW_GROUP_ROWS } = options
  return writeTable(source, type, path, priceType, async (output, table) => {
    const columns = createColumns(type, SORTED_GROUPS * rowGroupRows, priceType)
    const shape = new ArrowShape(type, table.plan, columns.columns(), table.precision)
    let rows = 0
    function* batches(): Generator<RecordBatch> {
      for (const filled of table.fill(reused(columns))) {
        rows += filled.rows
        filled.sortByInstrument()
        yield* slices(shape.batch(filled, false), rowGroupRows)
      }
      if (rows === 0) yield shape.empty()
    }
    for await (const chunk of encoded(batches(), parquet, properties(parquet, shape.schema, rowGroupRows)))
      await output.write([chunk])
    return rows
  })
}

function* slices(batch: RecordBatch, rows: number): Generator<RecordBatch> {
  for (let row = 0; row < batch.numRows; row += rows) yield batch.slice(row, row + rows)
}

/** The bytes of a file. What `batches` throws is thrown. */
async function* encoded(
  batches: Iterator<RecordBatch>,
  parquet: ParquetModule,
  writing: WriterProperties,
): AsyncGenerator<Uint8Array> {
  let failure: { error: unknown } | undefined
  let stopped = false
  const input = new ReadableStream<WasmBatch>(
    {
      pull(controller) {
        try {
          const next = stopped ? undefined : batches.next()
          if (next === undefined || next.done === true) return controller.close()
          for (const batch of wasmBatches(parquet, next.value)) controller.enqueue(batch)
        } catch (error) {
          failure = { error }
          controller.error(error)
        }
      },
    },
    // Nothing ahead of what is asked for: a batch that waits is memory.
    { highWaterMark: 0 },
  )
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  try {
    const bytes = await parquet.transformParquetStream(input, writing)
    reader = (bytes as ReadableStream<Uint8Array>).getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      yield value
    }
  } catch (error) {
    throw failure === undefined ? error : failure.error
  } finally {
    // Whoever stops early must not wait until all input is encoded.
    stopped = true
    reader?.cancel().catch(() => undefined)
  }
  if (failure !== undefined) throw failure.error
}

function wasmBatches(parquet: ParquetModule, batch: RecordBatch): WasmBatch[] {
  const table = parquet.Table.fromIPCStream(tableToIPC(new Table([batch]), 'stream'))
  try {
    return table.recordBatches()
  } finally {
    table.free()
  }
}

/**
 * Times and ids are delta-encoded, which is smaller and faster than dictionaries of values that seldom repeat. Prices and sizes repeat: in real
 * books they take half the room in dictionaries.
 */
function properties(parquet: ParquetModule, schema: Schema, rowGroupRows: number): WriterProperties {
  const { Compression, Encoding, EnabledStatistics } = parquet
  let builder = new parquet.WriterPropertiesBuilder()
    .setCompression(Compression.ZSTD)
    .setMaxRowGroupSize(rowGroupRows)
    .setStatisticsEnabled(EnabledStatistics.Chunk)
    .setKeyValueMetadata(new Map(schema.metadata))
  for (const { name, type } of schema.fields) {
    const text = type.toString()
    const delta = /^(Timestamp|Uint)/.test(text)
    if (delta) builder = builder.setColumnEncoding(name, Encoding.DELTA_BINARY_PACKED)
    if (text === 'Float64') builder = builder.setColumnEncoding(name, Encoding.BYTE_STREAM_SPLIT)
    if (delta || text === 'Float64') builder = builder.setColumnDictionaryEnabled(name, false)
  }
  return builder.build()
}
