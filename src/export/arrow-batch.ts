// Arrow's view of native columns: types, schema, and record batches that lie over the native memory without a copy.
import {
  Bool,
  type Data,
  DataType,
  Decimal,
  Dictionary,
  Field,
  Float64,
  Int8,
  Int32,
  Int64,
  makeData,
  makeVector,
  RecordBatch,
  Schema,
  Struct,
  TimestampNanosecond,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
  type Vector,
} from 'apache-arrow'
import type { ColumnKind, ColumnPlace, ColumnTableType, NativeColumns, PriceType } from '../native/binding.ts'
import { VERSION } from '../version.ts'
import { CAUSES, QUALITIES, RECORD_TYPES, sidesOf, TRADE_KINDS } from './names.ts'
import type { TablePlan } from './plan.ts'
import type { Precision } from './precision.ts'

const TEXT_ID = 'trade_id_text'
/** A batch of fewer rows is worth a copy. */
const KEEP_ROWS_MIN = 65_536

/** Types of one table; dictionaries keep their identity over all its batches, so that a file holds them once. */
export class ArrowShape {
  readonly schema: Schema
  /** The schema has a column of ids that are text. */
  readonly withTexts: boolean
  readonly #places: readonly ColumnPlace[]
  readonly #types: readonly DataType[]
  readonly #dictionaries: ReadonlyMap<ColumnKind, ColumnDictionary>

  constructor(type: ColumnTableType, plan: TablePlan, places: readonly ColumnPlace[], precision: Precision) {
    this.withTexts = type === 'trade'
    this.#places = places
    this.#dictionaries = dictionariesOf(type, plan)
    this.#types = places.map(({ kind }) => this.#dictionaries.get(kind)?.type ?? plainType(kind, plan, precision))
    const fields = places.map(
      (place, i) => new Field(place.name, this.#types[i] as DataType, place.nullable, fieldMetadata(place.kind, plan)),
    )
    if (this.withTexts) fields.push(new Field(TEXT_ID, new Utf8(), true))
    this.schema = new Schema(fields, tableMetadata(type, plan, precision))
  }

  /**
   * A batch over the columns' own memory; it changes when they are reset and filled again. With `keep`, few rows in a large
   * arena are copied out of it instead, so that a small table does not hold much memory.
   */
  batch(columns: NativeColumns, keep: boolean): RecordBatch {
    const { rows, buffer } = columns
    const copy = keep && rows < KEEP_ROWS_MIN
    const places = columns.columns()
    const children = places.map((place, i) => this.#child(place, this.#types[i] as DataType, rows, buffer, copy))
    if (this.withTexts) children.push(textColumn(rows, columns.texts()))
    return this.#record(rows, children)
  }

  /** A batch without rows: a file needs one to have its dictionaries. */
  empty(): RecordBatch {
    const none = new ArrayBuffer(0)
    const children = this.#places.map((place, i) => {
      const origin = { ...place, values: 0, validity: 0, nullCount: 0 }
      return this.#child(origin, this.#types[i] as DataType, 0, none, false)
    })
    if (this.withTexts) children.push(textColumn(0, []))
    return this.#record(0, children)
  }

  #record(length: number, children: Data[]): RecordBatch {
    return new RecordBatch(
      this.schema,
      makeData({ type: new Struct(this.schema.fields), length, nullCount: 0, children }),
    )
  }

  #child(place: ColumnPlace, type: DataType, length: number, buffer: ArrayBuffer, copy: boolean): Data {
    const view = <T>(make: ViewOf<T>, offset: number, count: number): T => {
      const bytes = count * make.BYTES_PER_ELEMENT
      return copy ? new make(buffer.slice(offset, offset + bytes), 0, count) : new make(buffer, offset, count)
    }
    // Bitmaps are taken in whole words: apache-arrow copies any other when it writes them.
    const bits = Math.ceil(length / 64) * 8
    const nullCount = place.nullable ? place.nullCount : 0
    const props = { length, nullCount, nullBitmap: nullCount > 0 ? view(Uint8Array, place.validity, bits) : undefined }
    const [make, perRow] = storageOf(type)
    const data =
      place.kind === 'bool' ? view(Uint8Array, place.values, bits) : view(make, place.values, length * perRow)
    const dictionary = this.#dictionaries.get(place.kind)?.texts
    // The array of values is the one of the type.
    return makeData({ ...props, type, data, ...(dictionary === undefined ? {} : { dictionary }) } as never)
  }
}

/** Texts that a column's values are indices of. */
interface ColumnDictionary {
  readonly type: Dictionary
  readonly texts: Vector<Utf8>
}

/** Instruments and segments are as many as they are; the others are few. */
function dictionariesOf(type: ColumnTableType, plan: TablePlan): Map<ColumnKind, ColumnDictionary> {
  const texts: [ColumnKind, readonly string[]][] = [
    ['instrument', plan.instruments],
    ['side', sidesOf(type)],
    ['segment', plan.segments],
    ['trade_kind', TRADE_KINDS],
    ['cause', CAUSES],
    ['record_type', RECORD_TYPES],
    ['quality', QUALITIES],
  ]
  return new Map(
    texts.map(([kind, values], id) => {
      const indices = kind === 'instrument' || kind === 'segment' ? new Int32() : new Int8()
      return [kind, { type: new Dictionary(new Utf8(), indices, id), texts: textVector(values) }]
    }),
  )
}

/** Of the table; docs/EXPORT.md lists the keys. */
function tableMetadata(type: ColumnTableType, plan: TablePlan, precision: Precision): Map<string, string> {
  const { priceType } = plan
  const metadata = new Map([
    ['tickforge.version', VERSION],
    ['tickforge.type', type],
    ['tickforge.instruments', JSON.stringify(plan.instruments)],
    ['tickforge.price_type', priceType],
    ['tickforge.price_scale', String(plan.priceScale)],
    ['tickforge.size_scale', String(plan.sizeScale)],
  ])
  if (priceType !== 'decimal') return metadata
  return metadata
    .set('tickforge.price_precision', String(precision.price))
    .set('tickforge.size_precision', String(precision.size))
}

/** Of a price or size that is not a decimal: what its numbers mean. */
function fieldMetadata(kind: ColumnKind, plan: TablePlan): Map<string, string> {
  if ((kind !== 'price' && kind !== 'size') || plan.priceType === 'decimal') return new Map()
  if (plan.priceType === 'float64') return new Map([['tickforge.rounded', 'nearest float64']])
  return new Map([['tickforge.exponent', String(-(kind === 'price' ? plan.priceScale : plan.sizeScale))]])
}

/** The type of a column that has no dictionary. */
function plainType(kind: ColumnKind, plan: TablePlan, precision: Precision): DataType {
  switch (kind) {
    case 'timestamp':
      return new TimestampNanosecond('UTC')
    case 'price':
      return numberType(plan.priceType, plan.priceScale, precision.price)
    case 'size':
      return numberType(plan.priceType, plan.sizeScale, precision.size)
    case 'uint32':
      return new Uint32()
    case 'uint16':
      return new Uint16()
    case 'bool':
      return new Bool()
    default:
      return new Uint64()
  }
}

function numberType(priceType: PriceType, scale: number, precision: number): DataType {
  if (priceType === 'int64') return new Int64()
  return priceType === 'float64' ? new Float64() : new Decimal(scale, precision, 128)
}

/** The array that holds a type's values, and its elements a row. */
function storageOf(type: DataType): [ViewOf<unknown>, number] {
  const stored = DataType.isDictionary(type) ? (type as Dictionary).indices : type
  return [stored.ArrayType as ViewOf<unknown>, DataType.isDecimal(stored) ? 4 : 1]
}

interface ViewOf<T> {
  readonly BYTES_PER_ELEMENT: number
  new (buffer: ArrayBuffer, offset: number, length: number): T
}

function textVector(texts: readonly string[]): Vector<Utf8> {
  return makeVector(textData(texts.map((text) => Buffer.from(text))))
}

/** Ids that are text, null everywhere else. */
function textColumn(rows: number, cells: readonly { row: number; text: string }[]): Data<Utf8> {
  if (cells.length === 0) {
    const nullBitmap = new Uint8Array(Math.ceil(rows / 64) * 8)
    const valueOffsets = new Int32Array(rows + 1)
    return makeData({
      type: new Utf8(),
      length: rows,
      nullCount: rows,
      nullBitmap,
      valueOffsets,
      data: new Uint8Array(0),
    })
  }
  const texts = new Array<Uint8Array | null>(rows).fill(null)
  for (const { row, text } of cells) texts[row] = Buffer.from(text)
  return textData(texts)
}

function textData(texts: readonly (Uint8Array | null)[]): Data<Utf8> {
  const valueOffsets = new Int32Array(texts.length + 1)
  const nullBitmap = new Uint8Array(Math.ceil(texts.length / 64) * 8)
  let nullCount = 0
  let end = 0
  for (const [i, text] of texts.entries()) {
    if (text === null) nullCount++
    else nullBitmap[i >> 3] = (nullBitmap[i >> 3] as number) | (1 << (i & 7))
    end += text?.byteLength ?? 0
    valueOffsets[i + 1] = end
  }
  const data = Buffer.concat(texts.filter((text) => text !== null))
  const props = { type: new Utf8(), length: texts.length, nullCount, valueOffsets, data }
  return makeData(nullCount > 0 ? { ...props, nullBitmap } : props)
}
