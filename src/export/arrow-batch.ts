// Arrow's view of native columns: types, schema, and record batches that lie over the native memory without a copy.
import {
  Bool,
  type Data,
  type DataType,
  Decimal,
  Dictionary,
  Field,
  Int8,
  Int32,
  makeData,
  makeVector,
  RecordBatch,
  Schema,
  Struct,
  TimestampNanosecond,
  Uint16,
  Uint64,
  Utf8,
  type Vector,
} from 'apache-arrow'
import type { ColumnPlace, ColumnTableType, NativeColumns } from '../native/binding.ts'
import { VERSION } from '../version.ts'
import type { TablePlan } from './plan.ts'

const DECIMAL_DIGITS = 38
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
  readonly #instruments: Vector<Utf8>
  readonly #sides: Vector<Utf8>

  constructor(type: ColumnTableType, plan: TablePlan, places: readonly ColumnPlace[]) {
    this.withTexts = type === 'trade'
    this.#places = places
    const instruments = new Dictionary(new Utf8(), new Int32(), 0)
    const sides = new Dictionary(new Utf8(), new Int8(), 1)
    this.#instruments = textVector(plan.instruments)
    this.#sides = textVector(type === 'book' ? ['bid', 'ask'] : ['buy', 'sell'])
    this.#types = places.map(({ kind }) => {
      if (kind === 'instrument') return instruments
      if (kind === 'side') return sides
      return plainType(kind, plan)
    })
    const fields = places.map((place, i) => new Field(place.name, this.#types[i] as DataType, place.nullable))
    if (this.withTexts) fields.push(new Field(TEXT_ID, new Utf8(), true))
    const metadata = new Map([
      ['tickforge.version', VERSION],
      ['tickforge.type', type],
      ['tickforge.instruments', JSON.stringify(plan.instruments)],
      ['tickforge.price_scale', String(plan.priceScale)],
      ['tickforge.size_scale', String(plan.sizeScale)],
    ])
    this.schema = new Schema(fields, metadata)
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
    switch (place.kind) {
      case 'timestamp':
        return makeData({
          ...props,
          type: type as TimestampNanosecond,
          data: view(BigInt64Array, place.values, length),
        })
      case 'instrument': {
        const indices = view(Int32Array, place.values, length)
        return makeData({
          ...props,
          type: type as Dictionary<Utf8, Int32>,
          data: indices,
          dictionary: this.#instruments,
        })
      }
      case 'side': {
        const indices = view(Int8Array, place.values, length)
        return makeData({ ...props, type: type as Dictionary<Utf8, Int8>, data: indices, dictionary: this.#sides })
      }
      case 'price':
      case 'size':
        return makeData({ ...props, type: type as Decimal, data: view(Uint32Array, place.values, length * 4) })
      case 'uint64':
        return makeData({ ...props, type: type as Uint64, data: view(BigUint64Array, place.values, length) })
      case 'uint16':
        return makeData({ ...props, type: type as Uint16, data: view(Uint16Array, place.values, length) })
      case 'bool':
        return makeData({ ...props, type: type as Bool, data: view(Uint8Array, place.values, bits) })
    }
  }
}

/** The type of a column that has no dictionary. */
function plainType(kind: Exclude<ColumnPlace['kind'], 'instrument' | 'side'>, plan: TablePlan): DataType {
  switch (kind) {
    case 'timestamp':
      return new TimestampNanosecond('UTC')
    case 'price':
      return new Decimal(plan.priceScale, DECIMAL_DIGITS, 128)
    case 'size':
      return new Decimal(plan.sizeScale, DECIMAL_DIGITS, 128)
    case 'uint64':
      return new Uint64()
    case 'uint16':
      return new Uint16()
    case 'bool':
      return new Bool()
  }
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
