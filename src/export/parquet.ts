// Parquet out, as a stream: row groups are encoded by parquet-wasm (arrow-rs) one after another. It is loaded only here.
import { type RecordBatch, type Schema, Table, tableToIPC } from 'apache-arrow'
import type { RecordBatch as WasmBatch, WriterProperties } from 'parquet-wasm'
import type { ColumnTableType } from '../native/binding.ts'
import { ArrowShape } from './arrow-batch.ts'
import { createColumns, reused } from './columns.ts'
import { type PriceOptions, writeTable } from './precision.ts'
import type { ExportSource } from './source.ts'

type ParquetModule = typeof import('parquet-wasm')

/** Rows of a row group, as DuckDB's own row groups have them. */
const ROW_GROUP_ROWS = 1 << 17
/** Rows that are sorted at once: eight row groups. */
const WINDOW_ROWS = 8 * ROW_GROUP_ROWS

/**
 * Writes records of one type as a Parquet file (zstd), row group after row group: memory does not depend on the length of the range. Every
 * eight row groups are sorted by instrument, so that statistics tell which ones an instrument is in. Returns the rows.
 * Throws TF_SCALE, TF_CORRUPT and what writeOutput() throws.
 */
export async function writeParquetFile(
  source: ExportSource,
  type: ColumnTableType,
  path: string,
  options: PriceOptions = {},
): Promise<number> {
  const parquet = await import('parquet-wasm')
  const priceType = options.priceType ?? 'decimal'
  return writeTable(source, type, path, priceType, async (output, table) => {
    const columns = createColumns(type, WINDOW_ROWS, priceType)
    const shape = new ArrowShape(type, table.plan, columns.columns(), table.precision)
    let rows = 0
    function* batches(): Generator<RecordBatch> {
      for (const filled of table.fill(reused(columns))) {
        rows += filled.rows
        filled.sortByInstrument()
        yield* slices(shape.batch(filled, false))
      }
      if (rows === 0) yield shape.empty()
    }
    for await (const chunk of encoded(parquet, shape.schema, batches())) await output.write([chunk])
    return rows
  })
}

function* slices(batch: RecordBatch): Generator<RecordBatch> {
  for (let row = 0; row < batch.numRows; row += ROW_GROUP_ROWS) yield batch.slice(row, row + ROW_GROUP_ROWS)
}

/** The bytes of a file. What `batches` throws is thrown. */
async function* encoded(
  parquet: ParquetModule,
  schema: Schema,
  batches: Iterator<RecordBatch>,
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
    const bytes = await parquet.transformParquetStream(input, properties(parquet, schema))
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
function properties(parquet: ParquetModule, schema: Schema): WriterProperties {
  const { Compression, Encoding, EnabledStatistics } = parquet
  let builder = new parquet.WriterPropertiesBuilder()
    .setCompression(Compression.ZSTD)
    .setMaxRowGroupSize(ROW_GROUP_ROWS)
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
