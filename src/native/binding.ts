// The whole native surface. The only file that loads the addon; everything else imports these types.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { TickforgeError } from '../errors.ts'

/** Record counts since the journal was opened: taken over from the ring, handed to the kernel, on the disk. */
export interface Watermarks {
  appended: bigint
  written: bigint
  durable: bigint
}

/** What opening a journal found. All counts are 0 and `clean` is true for a new one. */
export interface RecoveryReport {
  /** File that is appended to, '' when nothing has been written yet today. */
  segment: string
  /** False when the last writer ended without closing its segment. */
  clean: boolean
  blocks: number
  records: bigint
  /** Bytes after the last whole block that were cut off. */
  tornTailBytes: number
  /** Damaged blocks that were left in place, because whole blocks follow them. */
  corruptBlocks: number
  /** The index was missing or wrong, or ended so early that `bytesRead` has no bound. */
  indexRebuilt: boolean
  /** Of the segment and its index: some MiB, whatever their size. */
  bytesRead: number
  /** At least the largest instrument number in the segment; new definitions go on from here. */
  lastInstrument: number
  /** Largest ts_recv in the segment, NONE_I64 when it is new. */
  lastTsRecv: bigint
  /** GapCause of the gap record that the writer begins with: what is missing since the last one. 0 = there was none. */
  gapCause: number
}

/** Word indexes (Int32Array) of `NativeJournal.ringControl`. Positions are counts of cells modulo 2^32. */
export const RING_HEAD = 0
export const RING_TAIL = 16
export const RING_CONSUMER_WAITING = 32
/** The waiting writer wants to be woken when the head is here or behind. */
export const RING_WAKE_POSITION = 33
/** A live reader sleeps and wants to be woken. */
export const RING_READER_WAITING = 34
/** 0 while the writer runs, 1 after it failed (see error()), 2 after close(): nothing is taken over any more. */
export const RING_ERROR = 64
/** u64 of two words: records that were refused and are not on record yet. The writer puts them there when the producer ends. */
export const RING_DROPPED = 128
/** i64 of two words: ts_recv of the first of them. */
export const RING_TS_FIRST_DROPPED = 130
/** u64 of two words: records that were refused, of all times. */
export const RING_DROPPED_TOTAL = 132

/** The ring of one producer of a journal. */
export interface NativeRing {
  /** One page: head, tail and waiter words, each on its own cache line. Access them with Atomics. */
  readonly ringControl: ArrayBuffer
  /** 2 x capacity bytes, the second half mapped onto the first: a record never wraps. */
  readonly ringCells: ArrayBuffer
  /**
   * Wakes the writer and live readers. Needed after a publish only when ringControl[RING_READER_WAITING] is not 0, or
   * ringControl[RING_CONSUMER_WAITING] is not 0 and the head has reached RING_WAKE_POSITION.
   */
  wake(): void
  /** Blocks this thread until `cells` cells are free, the writer failed, or the time is over. True = they are free. */
  waitForSpace(cells: number, timeoutMs: number): boolean
  /** A number for an instrument definition that no producer of the journal has used. */
  claimInstrument(): number
  /** A connection number from 1 to 65,535 that no producer uses; 0 when all are taken. */
  claimConnection(): number
  freeConnection(number: number): void
}

/** One writer thread with the ring of its first producer. Lives until close() resolves. */
export interface NativeJournal extends NativeRing {
  readonly recovery: RecoveryReport
  /** Resolves when all that was published before the call is durable; rejects with the writer's error. */
  flush(): Promise<Watermarks>
  /**
   * Drains, syncs, marks the segment closed, stops the thread. Rejects with the writer's error; the files are closed either
   * way. Calling it again tells the same.
   */
  close(): Promise<Watermarks>
  watermarks(): Watermarks
  /** The error that stopped the writer, or null. */
  error(): NativeError | null
  /** TF_DISK_FULL while the writer waits for space, else null. */
  stalled(): NativeError | null
  /** Bytes that are missing from the space that is kept back for a stop on a full disk; 0 = none. */
  reserveMissing(): number
  /** Throws NativeError-shaped errors: TF_USAGE, TF_LISTEN, TF_INSECURE_LISTEN, TF_LINE_MAPPING, TF_SHARED_MEMORY. */
  startServer(options: ServerOptions): NativeServer
}

/** A producer of a journal that another process records. */
export interface NativeProducer extends NativeRing {
  /** 1 to 63. */
  readonly number: number
  /** Asks for all that was published to be made durable at once; false when the time is over or the writer has stopped. */
  waitDurable(timeoutMs: number): Promise<boolean>
  /** The writer has stopped: what is not durable will not be. */
  ended(): boolean
  /** What was published is still taken over. */
  close(): void
}

export interface NativeError {
  code: string
  message: string
  path: string
  errno: number
}

/**
 * When written records are synced (fdatasync). 'batch': as soon as the sync before has ended; a number: at most every so many
 * milliseconds; 'os': only by flush(), close(), a producer's wish and the end of a segment.
 */
export type Durability = 'batch' | 'os' | number

export interface JournalOptions {
  directory: string
  /** Name of the journal, [a-z0-9_-]{1,32}. */
  name: string
  /** Bytes of the ring, a power of two of at least 1 MiB. */
  ringBytes: number
  /** A block that is not full is written after this time. */
  flushIntervalMs: number
  durability: Durability
  /** Wait for space when the disk is full, as long as the ring has room; otherwise a full disk is an error at once. */
  waitsForDisk: boolean
  /** True: never append to an existing segment of the day, start the next part (imports). */
  newPart: boolean
  /** Who writes, for the segment record: 'tickforge 0.1.0'. */
  writer: string
}

export interface ServerOptions {
  /** `unix:PATH`, `tcp:HOST:PORT`, `tcp:[IPV6]:PORT`; port 0 lets the system choose. */
  listen: string[]
  /** What every client must show; '' = nothing. Without it only Unix sockets and loopback addresses are allowed. */
  token: string
  maxClients: number
  /** Largest payload of a batch. The ring must hold two of them and 512 KiB. */
  maxFrameBytes: number
  /** A client that sends nothing for so long is closed; 0 = never. */
  idleMs: number
  /** Bytes of the server's own ring, a power of two of at least 1 MiB. */
  ringBytes: number
  /** What lines of text become, as JSON text; '' = the mapping that is built in. */
  mapping: string
}

/** Counts since the server started, but for `clients` and `connections`, which say how many there are now. */
export interface ServerStats {
  clients: bigint
  clientsTotal: bigint
  /** Beyond `maxClients`, or for want of a file descriptor. */
  clientsRefused: bigint
  /** Read from clients. */
  bytes: bigint
  batches: bigint
  /** Of batches. */
  records: bigint
  /** Of HTTP. */
  requests: bigint
  lines: bigint
  /** Lines that became a record other than text. */
  rows: bigint
  definitions: bigint
  /** Of clients to venues. */
  connections: bigint
  /** Times that a client was not read from because the ring had no room. */
  waits: bigint
  /** By reason, as docs/PROTOCOL.md numbers them: token, malformed, instrument ... */
  refused: Record<string, bigint>
}

/** Takes records from other processes into the journal that it was started on. */
export interface NativeServer {
  /** As given, with the ports that were chosen. */
  readonly addresses: string[]
  stats(): ServerStats
  /** Tells the clients, records their end, closes the addresses. Call it before the journal's close(). */
  close(): Promise<void>
}

/** A segment of the past or of a running recorder, mapped read-only. */
export interface NativeSegment {
  readonly path: string
  readonly segmentId: bigint
  readonly version: number
  readonly journal: string
  readonly day: number
  readonly part: number
  readonly blockCount: number
  readonly recordCount: bigint
  readonly fileBytes: number
  /** Bytes of whole blocks; what lies behind is a torn tail or space that was set aside. */
  readonly validBytes: number
  /** Reads the whole index, as `recordCount`, `definitionBlocks` and `index` do, and `minTsRecv` where times go back. */
  readonly indexState: 'ok' | 'missing' | 'wrong'
  /** Closed in order by its writer. */
  readonly closed: boolean
  /** Of the blocks that are there; NONE_I64 without one. */
  readonly minTsRecv: bigint
  readonly maxTsRecv: bigint
  /** First record before the limit that is in no block, null when none is missing or there is no limit. */
  readonly missingFrom: bigint | null
  /** Numbers of the blocks with segment, instrument or connection records. */
  readonly definitionBlocks: Uint32Array
  /**
   * One INDEX_ENTRY_BYTES entry a block: entry i is block i, and one of length 0 keeps the place of a block that cannot be
   * read. A new buffer after load() found the index lying; entries of blocks that were loaded before do not change.
   */
  readonly index: ArrayBuffer
  /** Grows when the index turned out to say what the blocks do not: then there may be another number of blocks. */
  readonly generation: number
  /**
   * Maps blocks [first, first + n) with n as many as fit `maxBytes`, at least one, and checks each one's CRC.
   * `damaged` holds the positions (0 = first) of blocks that fail; their payload must not be read.
   */
  load(first: number, maxBytes: number): LoadedBlocks
  /** Lower bound: the first block that can hold a record with ts_recv >= ts. */
  find(ts: bigint): number
  /** Blocks that can hold records of [from, to): the first one, and the one behind the last. */
  range(from: bigint, to: bigint): [first: number, end: number]
  /** True when block 0 is known to hold nothing before or at `ts`: the first record behind an earlier time is later, too. */
  beginsBehind(ts: bigint): boolean
  /** The first record with ts_recv >= ts that can be read: its block in memory, and where it begins in that. */
  seek(ts: bigint): { block: number; buffer: ArrayBuffer; at: number } | null
  close(): void
}

export interface LoadedBlocks {
  /** Copy-on-write mapping of the file from the first block's offset to the last one's end. */
  buffer: ArrayBuffer
  count: number
  damaged: number[]
  /** Index entries of the block before, of these, and of the one behind them; zeros where there is none. */
  entries: ArrayBuffer
}

/** A live tail of a journal. Its thread reads while wait() is pending, and nothing else may be called but stop() then. */
export interface NativeTail {
  /** Where batches are put: each one in the place of the one before. */
  readonly buffer: ArrayBuffer
  /** What is there now: TAIL_SPAN_FIELDS numbers a span of whole records, none when there is nothing. Throws NativeError-shaped errors. */
  poll(): number[]
  /** The same as soon as there is something; none after stop(). */
  wait(): Promise<number[]>
  /** Behind the last batch, as text that openTail() takes. */
  position(): string
  /** Ends a wait() within a fraction of a second, and every later one. */
  stop(): void
}

/** Numbers a span: byte offset, bytes, TAIL_SOURCE, TAIL_SPAN flags. */
export const TAIL_SPAN_FIELDS = 4
export const TAIL_SOURCE = { file: 0, ring: 1, inForce: 2 } as const
/** The first records of another segment: instrument numbers of before mean nothing any more. */
export const TAIL_SPAN_NEW_SEGMENT = 1
/** Holds instrument definitions. */
export const TAIL_SPAN_DEFINES = 2

export interface TailOptions {
  directory: string
  journal: string
  /** 'now', 'start', a time in ns since the epoch, or a position. */
  from: string
  /** Never sleep while a recorder lives. */
  spin: boolean
}

/** Result of reading every byte of a segment, without trusting its index. */
export interface SegmentScan {
  path: string
  segmentId: bigint
  version: number
  blocks: number
  records: bigint
  corruptBlocks: number
  /** Bytes after the last whole block, up to the last byte that is not zero. */
  tornTailBytes: number
  /** Blocks or records whose numbers, times or counts contradict each other or the block header. */
  orderErrors: number
  indexState: 'ok' | 'missing' | 'wrong'
  closed: boolean
  minTsRecv: bigint
  maxTsRecv: bigint
  fileBytes: number
  /** Blocks behind the limit, which the next part has again: they count nowhere else. */
  rewrittenFirst: number
  rewrittenBlocks: number
  /** First problems in words, at most 16: what, at which offset. */
  problems: string[]
}

export interface NativeBinding {
  /** Locks the directory, recovers the newest segment, starts the writer. Throws NativeError-shaped errors. */
  openJournal(options: JournalOptions): NativeJournal
  /** Joins a journal as one more producer. Throws TF_NOT_RECORDING, TF_TOO_MANY_PRODUCERS, TF_SHARED_MEMORY. */
  joinJournal(options: { directory: string; name: string; ringBytes: number }): NativeProducer
  /** With a `limit`, only the blocks that begin before that record (docs/FORMAT.md, "Parts"). */
  openSegment(path: string, limit?: bigint): NativeSegment
  /** Follows a journal that grows, or will. Throws NativeError-shaped errors. */
  openTail(options: TailOptions): NativeTail
  scanSegment(path: string, limit?: bigint): SegmentScan
  /** The record from which on a segment writes the part before it again; null when it does not. */
  limitOfPartBefore(path: string): bigint | null
  /** Cuts a torn tail and writes the index anew. The directory must not be recorded into. Returns what it did. */
  repairSegment(path: string): { tornTailBytes: number; indexRebuilt: boolean }
  /** Receive clock: writes ns since the epoch into the first 8 bytes of the view (as two Int32, little-endian). */
  stamp(view: Int32Array): void
  /** ns since the epoch. */
  now(): bigint
  crc32c(bytes: Uint8Array): number
  /** Fills `records` trades into the journal's ring from a native thread and waits until they are written: for the benchmark. */
  benchFill(journal: NativeJournal, records: number): void
  /** The kernel interface in use: 'io_uring', or 'pwritev (io_uring: why it cannot be used)'. */
  writerKind(): string
  /**
   * Memory for columns of one record type with room for `rows` rows (at least 1,024); see src/export/columns.ts. `form` says how prices and
   * sizes are stored, 'decimal' by default. With `before`, gaps that its rows stood behind are remembered.
   */
  createColumns(type: ColumnTableType, rows: number, form?: PriceType, before?: NativeColumns): NativeColumns
}

export type ColumnTableType = 'trade' | 'quote' | 'book' | 'gap' | 'drop'

/** Prices and sizes as exact decimals, as integer mantissas at a common exponent, or as the nearest doubles, which is lossy. */
export type PriceType = 'decimal' | 'int64' | 'float64'

/** Columns of one record type, filled from loaded blocks. */
export interface NativeColumns {
  /** Values and validity bits of all columns. Lives as long as it is referred to, also without this object. */
  readonly buffer: ArrayBuffer
  readonly rows: number
  /**
   * Appends rows from `source.position` on, and moves it. True: the source is used up. False: there is no room for the
   * next row; go on with another NativeColumns, or with this one after reset().
   */
  extract(source: ColumnSource): boolean
  /** Forgets the rows and keeps the memory: everything that was made over `buffer` changes with the next extract(). */
  reset(): void
  /** Brings the rows into the order of their instruments' indices; rows of one instrument keep theirs. */
  sortByInstrument(): void
  /**
   * Index of an instrument with a price (size) of more than 18 digits, or of more than 64 bits when they are stored so; -1: none so far,
   * also not before a reset().
   */
  wide(): { price: number; size: number }
  columns(): ColumnPlace[]
  /** Trade ids that are text, with their rows. */
  texts(): { row: number; text: string }[]
}

/** Where a column lies in `NativeColumns.buffer`, in bytes. `validity` and `nullCount` mean something when nullable. */
export interface ColumnPlace {
  name: string
  kind: ColumnKind
  nullable: boolean
  values: number
  validity: number
  nullCount: number
}

/** The first ones are indices of texts: i32 for instrument and segment, i8 for the others. */
export type ColumnKind =
  | 'instrument'
  | 'segment'
  | 'side'
  | 'trade_kind'
  | 'cause'
  | 'record_type'
  | 'quality'
  | 'timestamp'
  | 'price'
  | 'size'
  | 'uint64'
  | 'uint32'
  | 'uint16'
  | 'bool'

/** Loaded blocks and what to take from them. */
export interface ColumnSource {
  /** As load() returned it. */
  buffer: ArrayBuffer
  /** Three numbers a whole block: byte offset and length of its payload, number of its first record in the segment. */
  payloads: Float64Array
  /** Where to begin: [payload, byte offset in it, record in it, level of the record]; zeros at first. extract() moves it. */
  position: Float64Array
  /** ts_recv in [from, to). */
  from: bigint
  to: bigint
  /** Definition number -> index of the instrument in the dictionary; -1 = not wanted. */
  instruments: Int32Array
  /** Per definition number: multiply mantissas by 10^k, k <= 18 (255 for doubles), to reach the common scale. Missing means 0. */
  priceShift: Uint8Array
  sizeShift: Uint8Array
  /** Digits behind the point at the common scale, 0 to 255: only doubles need them. */
  priceScale: number
  sizeScale: number
  /** Index of the segment, and of its journal. */
  segment: number
  journal: number
  /** How many trade kinds, causes and record types have a name, at most 127 each: a larger number becomes this one. */
  named: Uint8Array
}

/** Node-API version that the addon is compiled for (NAPI_VERSION in native/CMakeLists.txt). */
const NODE_API = 8

/** A build on this machine comes before the one that the package brings: whoever made it wants it. */
const ADDONS = ['build/release', `prebuilds/linux-${process.arch}`]

/** Loads the native core. Throws TF_NATIVE_MISSING with what was tried and the command that builds it. */
export function loadNative(): NativeBinding {
  cached ??= loadFrom(ADDONS.map((folder) => fileURLToPath(new URL(`../../${folder}/tickforge.node`, import.meta.url))))
  return cached
}

let cached: NativeBinding | undefined

/** The first addon of `files` that is there and can be loaded. */
export function loadFrom(files: readonly string[]): NativeBinding {
  const tried: string[] = []
  for (const file of files) {
    try {
      if (existsSync(file)) return createRequire(import.meta.url)(file) as NativeBinding
    } catch (error) {
      tried.push((error as Error).message)
    }
  }
  throw new TickforgeError('TF_NATIVE_MISSING', whyMissing(tried))
}

function whyMissing(tried: readonly string[]): string {
  const machine = `${process.platform}-${process.arch}, Node ${process.versions.node}`
  if (process.platform !== 'linux') return `the native core runs on Linux only, this is ${machine}`
  if (Number(process.versions.napi) < NODE_API) return `the native core needs Node-API ${NODE_API}, this is ${machine}`
  if (tried.length === 0) return `the native core is not built for ${machine}`
  return `the native core cannot be loaded on ${machine}: ${tried.join('; ')}`
}
