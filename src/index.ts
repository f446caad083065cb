// The public interface of the package.
export { Client, type ClientOptions, type RecordPlace } from './client/client.ts'
export type { TradeFields } from './client/trade.ts'
export type { Level } from './client/wire.ts'
export { ERRORS, type ErrorCode, TickforgeError } from './errors.ts'
export type { ExportSource, ExportWindow } from './export/source.ts'
export {
  type CaptureFormat,
  type FileOutcome,
  type ImportedFile,
  type ImportOptions,
  type ImportReport,
  importCaptures,
} from './import/import.ts'
export { BookBuilder, type BookFields, type BookRules } from './integrity/book-builder.ts'
export { type BookLevel, type BookSide, OrderBook } from './integrity/order-book.ts'
export { type VerifyReport, verify } from './log/verify.ts'
export type { ColumnTableType, PriceType } from './native/binding.ts'
export { Log, openLog, type TableQuery } from './open-log.ts'
export type { SubscriptionState, SubscriptionStatus } from './recorder/delivery.ts'
export { JoinedProducer, type JoinSettings } from './recorder/joined-producer.ts'
export { Recorder, type RecorderOptions, type RecorderStatus } from './recorder/recorder.ts'
export type { InstrumentDefinition } from './records/definition.ts'
export { Flag, GapCause, Integrity, RecordType } from './records/layout.ts'
export type {
  BookView,
  ConnectionView,
  DropView,
  GapView,
  InstrumentView,
  QuoteView,
  RecordName,
  RecordView,
  SegmentView,
  TextView,
  TradeView,
} from './records/record-view.ts'
export { formatTime, parseTime } from './records/time.ts'
export type { BookDoubt, BookStep } from './replay/books.ts'
export type { Query, TimeInput } from './replay/query.ts'
export type { RecordBatch } from './replay/replay.ts'
export { Tail, type TailQuery } from './tail/tail.ts'
