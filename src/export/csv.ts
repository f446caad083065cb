// CSV out: every number as the venue wrote it, times as integer ns.
import type { ColumnPlace, ColumnTableType, NativeColumns } from '../native/binding.ts'
import { decimalText } from '../records/decimal-text.ts'
import type { InstrumentDefinition } from '../records/definition.ts'
import type { PrintRule } from '../records/layout.ts'
import { createColumns, fillColumns, reused } from './columns.ts'
import { GzipOutput } from './gzip-output.ts'
import { CAUSES, QUALITIES, RECORD_TYPES, sidesOf, TRADE_KINDS } from './names.ts'
import { writeOutput } from './output-file.ts'
import { type RawPlan, rawPlan } from './plan.ts'
import type { ExportSource } from './source.ts'

const BATCH_ROWS = 1 << 14

/** Text of a row's value; '' for null. */
type CellText = (row: number) => string

/**
 * Writes records of one type as CSV (RFC 4180 quoting, \\n line ends, a header line also without rows). A trade id that is text stands in
 * the column trade_id. A name that ends in .gz makes it gzip. Returns the rows. Throws TF_CORRUPT and what writeOutput() throws.
 */
export async function writeCsvFile(source: ExportSource, type: ColumnTableType, path: string): Promise<number> {
  return writeOutput(path, async (output) => {
    const written = path.toLowerCase().endsWith('.gz') ? new GzipOutput(output) : output
    let rows = 0
    for (const text of csvText(source, type)) {
      rows += text.rows
      await written.write([Buffer.from(text.text)])
    }
    if (written instanceof GzipOutput) await written.end()
    return rows
  })
}

/** The same in pieces; the first is the header line. */
export function* csvText(source: ExportSource, type: ColumnTableType): Generator<{ text: string; rows: number }, void> {
  const plan = rawPlan(source)
  const columns = createColumns(type, BATCH_ROWS, plan.priceType)
  yield {
    text: `${columns
      .columns()
      .map(({ name }) => name)
      .join(',')}\n`,
    rows: 0,
  }
  for (const filled of fillColumns(source, plan, reused(columns))) {
    const cells = cellTexts(filled, type, plan)
    const { rows } = filled
    let text = ''
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < cells.length; i++) text += (i === 0 ? '' : ',') + (cells[i] as CellText)(row)
      text += '\n'
    }
    yield { text, rows }
  }
}

function cellTexts(columns: NativeColumns, type: ColumnTableType, { definitions, segments }: RawPlan): CellText[] {
  const { buffer, rows } = columns
  const places = columns.columns()
  const numbers = places.find(({ kind }) => kind === 'instrument') as ColumnPlace
  const definitionOf = new Int32Array(buffer, numbers.values, rows)
  const keys = definitions.map(({ key }) => quoted(key))
  const textIds = new Map(columns.texts().map(({ row, text }) => [row, quoted(text)]))

  const decimals = (
    place: ColumnPlace,
    printOf: (definition: InstrumentDefinition) => [number, PrintRule],
  ): CellText => {
    const prints = definitions.map(printOf)
    const mantissas = new BigInt64Array(buffer, place.values, rows)
    return (row) => {
      const [digits, print] = prints[definitionOf[row] as number] as [number, PrintRule]
      const mantissa = mantissas[row] as bigint
      return digits < 0
        ? decimalText(mantissa * 10n ** BigInt(-digits), 0, print)
        : decimalText(mantissa, digits, print)
    }
  }
  const plain = (place: ColumnPlace): CellText => {
    switch (place.kind) {
      case 'price':
        return decimals(place, (definition) => [definition.priceDecimals, definition.pricePrint])
      case 'size':
        return decimals(place, (definition) => [definition.sizeDecimals, definition.sizePrint])
      case 'instrument':
        return (row) => keys[definitionOf[row] as number] as string
      case 'timestamp':
        return fromNumbers(new BigInt64Array(buffer, place.values, rows))
      case 'uint64':
        return fromNumbers(new BigUint64Array(buffer, place.values, rows))
      case 'uint16':
        return fromNumbers(new Uint16Array(buffer, place.values, rows))
      case 'uint32':
        return fromNumbers(new Uint32Array(buffer, place.values, rows))
      case 'segment':
        return fromTexts(new Int32Array(buffer, place.values, rows), segments)
      case 'side':
        return fromTexts(new Int8Array(buffer, place.values, rows), sidesOf(type))
      case 'trade_kind':
        return fromTexts(new Int8Array(buffer, place.values, rows), TRADE_KINDS)
      case 'cause':
        return fromTexts(new Int8Array(buffer, place.values, rows), CAUSES)
      case 'record_type':
        return fromTexts(new Int8Array(buffer, place.values, rows), RECORD_TYPES)
      case 'quality':
        return fromTexts(new Int8Array(buffer, place.values, rows), QUALITIES)
      case 'bool': {
        const set = bitReader(buffer, place.values)
        return (row) => (set(row) ? 'true' : 'false')
      }
    }
  }
  return places.map((place) => {
    const text = plain(place)
    if (!place.nullable || place.nullCount === 0) return text
    const valid = bitReader(buffer, place.validity)
    if (place.name !== 'trade_id') return (row) => (valid(row) ? text(row) : '')
    return (row) => (valid(row) ? text(row) : (textIds.get(row) ?? ''))
  })
}

function fromNumbers(values: { readonly [row: number]: bigint | number }): CellText {
  return (row) => String(values[row])
}

function fromTexts(indices: { readonly [row: number]: number }, texts: readonly string[]): CellText {
  return (row) => texts[indices[row] as number] as string
}

function bitReader(buffer: ArrayBuffer, offset: number): (row: number) => boolean {
  const bytes = new Uint8Array(buffer, offset)
  return (row) => ((bytes[row >> 3] as number) & (1 << (row & 7))) !== 0
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
