// Records as objects over mapped memory. One view object a type is reused for every record: nothing is allocated until
// a field is read, and a view is valid only until the next record is asked for. `toJson()` copies.
import * as L from './layout.ts'
import { ConnectionView, DropView, GapView, InstrumentView, SegmentView, TextView } from './log-views.ts'
import { BookView, QuoteView, TradeView } from './market-views.ts'
import type { CellArea } from './view.ts'

export type { ConnectionView, DropView, GapView, InstrumentView, SegmentView, TextView } from './log-views.ts'
export type { BookView, QuoteView, TradeView } from './market-views.ts'
export { CellArea, type RecordName } from './view.ts'

export type RecordView =
  | TradeView
  | QuoteView
  | BookView
  | GapView
  | DropView
  | TextView
  | ConnectionView
  | InstrumentView
  | SegmentView

/** One reusable view a type. */
export class RecordViews {
  readonly #views: (RecordView | undefined)[] = []

  constructor(area: CellArea) {
    const views = [
      TradeView,
      QuoteView,
      BookView,
      GapView,
      DropView,
      TextView,
      ConnectionView,
      InstrumentView,
      SegmentView,
    ]
    for (const view of views) {
      const made = new view(area)
      this.#views[L.RecordType[made.type]] = made
    }
  }

  /** The view of the record at byte `at`; undefined for a type that this version does not know. */
  view(area: CellArea, at: number): RecordView | undefined {
    const view = this.#views[area.u8[at + L.HEAD_TYPE] as number]
    if (view !== undefined) {
      view.area = area
      view.at = at
    }
    return view
  }
}
