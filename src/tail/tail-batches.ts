// The memory of a native tail as batches of record views.
import { TAIL_SOURCE, TAIL_SPAN_DEFINES, TAIL_SPAN_FIELDS, TAIL_SPAN_NEW_SEGMENT } from '../native/binding.ts'
import { type InstrumentDefinition, readDefinition } from '../records/definition.ts'
import * as L from '../records/layout.ts'
import { CellArea, type RecordView, RecordViews } from '../records/record-view.ts'
import { RecordFilter } from '../replay/filter.ts'
import type { ResolvedQuery } from '../replay/query.ts'
import type { RecordBatch } from '../replay/replay.ts'

/** Definitions that hold together: those of one segment, and what goes on behind it under the same numbers. */
interface Scope {
  area: CellArea
  definitions: (InstrumentDefinition | undefined)[]
  filter: RecordFilter
}

interface Part {
  scope: Scope
  begin: number
  end: number
}

export class TailBatches {
  readonly #buffer: ArrayBuffer
  readonly #query: ResolvedQuery
  readonly #views: RecordViews
  #scope: Scope

  constructor(buffer: ArrayBuffer, query: ResolvedQuery) {
    this.#buffer = buffer
    this.#query = query
    this.#scope = this.#begin()
    this.#views = new RecordViews(this.#scope.area)
  }

  /** Takes note of the definitions at once: whether anybody iterates the batch is not known. */
  take(spans: readonly number[]): RecordBatch {
    const parts: Part[] = []
    for (let i = 0; i < spans.length; i += TAIL_SPAN_FIELDS) {
      const [begin, bytes, source, flags] = spans.slice(i, i + TAIL_SPAN_FIELDS) as [number, number, number, number]
      if ((flags & TAIL_SPAN_NEW_SEGMENT) !== 0) this.#scope = this.#begin()
      const part = { scope: this.#scope, begin, end: begin + bytes }
      if ((flags & TAIL_SPAN_DEFINES) !== 0) define(part)
      if (source !== TAIL_SOURCE.inForce) parts.push(part)
    }
    const views = this.#views
    return { [Symbol.iterator]: () => new PartsIterator(parts, views) }
  }

  #begin(): Scope {
    const definitions: (InstrumentDefinition | undefined)[] = []
    const area = new CellArea(this.#buffer, { definitions })
    return { area, definitions, filter: new RecordFilter(definitions, this.#query) }
  }
}

function define({ scope, begin, end }: Part): void {
  const { u8 } = scope.area
  for (let at = begin; at < end; at += (u8[at] as number) * L.CELL_BYTES) {
    if (u8[at + L.HEAD_TYPE] !== L.RecordType.instrument) continue
    const definition = readDefinition(u8, at)
    scope.definitions[definition.number] = definition
  }
}

/** Written by hand, with one result object, as the one of replay is. */
class PartsIterator implements Iterator<RecordView> {
  readonly #parts: readonly Part[]
  readonly #views: RecordViews
  readonly #result: { done: boolean; value: RecordView } = { done: false, value: undefined as unknown as RecordView }
  #next = 0
  #at = 0
  #end = 0
  #scope!: Scope

  constructor(parts: readonly Part[], views: RecordViews) {
    this.#parts = parts
    this.#views = views
  }

  next(): IteratorResult<RecordView> {
    for (;;) {
      while (this.#at < this.#end) {
        const { area, filter } = this.#scope
        const at = this.#at
        this.#at = at + (area.u8[at] as number) * L.CELL_BYTES
        if (!filter.takes(area, at)) continue
        const view = this.#views.view(area, at)
        if (view === undefined) continue
        this.#result.value = view
        return this.#result as IteratorResult<RecordView>
      }
      const part = this.#parts[this.#next++]
      if (part === undefined) {
        this.#result.done = true
        return this.#result as IteratorResult<RecordView>
      }
      this.#scope = part.scope
      this.#at = part.begin
      this.#end = part.end
    }
  }
}
