// The public interface of the package.
export { Client, type ClientOptions, type RecordPlace } from './client/client.ts'
export type { TradeFields } from './client/trade.ts'
export type { Level, Welcome } from './client/wire.ts'
export { ERRORS, type ErrorCode, TickforgeError } from './errors.ts'
export type { ExportSource, ExportWindow } from './export/source.ts'
export type { Channel, Endpoints, NormalizerCounters } from './feeds/feed.ts'
export type { Definition } from './feeds/instruments.ts'
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
export type { SegmentFile } from './log/directory.ts'
export type { Damage, PlacedDamage, Segment, Window } from './log/segment.ts'
export type { DaySummary, InstrumentSummary } from './log/summary.ts'
export { type VerifyReport, verify } from './log/verify.ts'
export type {
  ColumnTableType,
  Durability,
  LoadedBlocks,
  NativeSegment,
  PriceType,
  RecoveryReport,
  Watermarks,
} from './native/binding.ts'
export { Log, openLog, type TableQuery } from './open-log.ts'
export type { SubscriptionState, SubscriptionStatus } from './recorder/delivery.ts'
export { JoinedProducer, type JoinSettings } from './recorder/joined-producer.ts'
export { Recorder, type RecorderOptions, type RecorderStatus } from './recorder/recorder.ts'
export type { RestCounters } from './recorder/rest.ts'
export type { WhenFull } from './recorder/ring-memory.ts'
export type { CellMemory, CellWriter } from './records/cell-writer.ts'
export type { InstrumentDefinition } from './records/definition.ts'
export { ChecksumRule, Flag, GapCause, InstrumentKind, Integrity, PrintRule, RecordType } from './records/layout.ts'
export type {
  BookView,
  CellArea,
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
export type { DefinitionSource } from './records/view.ts'
export type { BookNumbers } from './replay/book-levels.ts'
export type { BookDoubt, BookDoubtCode, BookLevels, BookStep, BooksQuery, SideLevels } from './replay/books.ts'
export type { Query, ResolvedQuery, TimeInput } from './replay/query.ts'
export type { RecordBatch } from './replay/replay.ts'
export { Tail, type TailQuery } from './tail/tail.ts'
