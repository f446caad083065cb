// Parquet out, by way of an Arrow file: polars reads it and writes Parquet. nodejs-polars is loaded only here.
import { rm } from 'node:fs/promises'
import { TickforgeError } from '../errors.ts'
import type { ColumnTableType } from '../native/binding.ts'
import { writeArrowFile } from './arrow.ts'
import { fileError, moveIntoPlace, temporaryPath } from './output-file.ts'
import type { ExportSource } from './source.ts'

/**
 * Writes records of one type as a Parquet file (zstd). The table has to fit into memory. Returns its rows.
 * Throws what writeArrowFile throws, and TF_USAGE without the optional package nodejs-polars.
 */
export async function writeParquetFile(source: ExportSource, type: ColumnTableType, path: string): Promise<number> {
  const polars = await loadPolars()
  // nodejs-polars takes a name without this ending for the bytes of a file.
  const arrow = temporaryPath(path, '.ipc')
  const parquet = temporaryPath(path, '.parquet')
  try {
    const rows = await writeArrowFile(source, type, arrow, path)
    polars.readIPC(arrow).writeParquet(parquet, { compression: 'zstd' })
    await moveIntoPlace(parquet, path)
    return rows
  } catch (error) {
    throw fileError(error, path)
  } finally {
    await Promise.all([arrow, parquet].map((file) => rm(file, { force: true })))
  }
}

async function loadPolars(): Promise<typeof import('nodejs-polars')['default']> {
  try {
    return (await import('nodejs-polars')).default
  } catch (cause) {
    throw new TickforgeError(
      'TF_USAGE',
      'Parquet needs the optional package nodejs-polars: run `npm install nodejs-polars`',
      {
        cause,
      },
    )
  }
}
