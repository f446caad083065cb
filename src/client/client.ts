// A client of a running recorder (`tickforge serve`): records out in batches, acknowledgements back. One connection, no
// reconnecting: whoever uses it knows what is to be sent again, and Client.acknowledgedBatch says from where on.
import { connect, type Socket } from 'node:net'
import { TickforgeError } from '../errors.ts'
import { DEFINITION_DEFAULTS, type Definition, InstrumentTable } from '../feeds/instruments.ts'
import { BufferMemory, CellWriter } from '../records/cell-writer.ts'
import { putConnection } from '../records/connection-record.ts'
import { CELL_BYTES, ConnectionEvent, Integrity } from '../records/layout.ts'
import { parseAddress } from './address.ts'
import { putTrade, type TradeFields } from './trade.ts'
import {
  type Answer,
  AnswerReader,
  encodeBatch,
  encodeHello,
  type Level,
  TOKEN_BYTES_MAX,
  type Welcome,
} from './wire.ts'

export interface ClientOptions {
  /** What acknowledged() waits for; default 'durable'. */
  level?: Level
  token?: string
  /** For the connection and the server's welcome; default 10 s. */
  timeoutMs?: number
  /** Name of the reading of the venue's protocol, for definitions; default 'client'. */
  adapter?: string
}

/** Time and place of a record. Times are ns since 1970. */
export interface RecordPlace {
  /** When the venue's message was received; 0 asks for the server's time. */
  tsRecv: bigint
  /** As open() returned it; default 0, none. */
  connection?: number
}

interface Waiter {
  batch: number
  resolve: () => void
  reject: (error: TickforgeError) => void
}

/** Sends are held up while the socket holds this much, and go on when it is empty. */
const SOCKET_BYTES = 1 << 20
const REFUSALS_MAX = 100
const CLOSE_TIMEOUT_MS = 2_000

/**
 * Records are written with trade() or `writer` (as FORMAT.md says), gathered, and sent by send() as one batch, which is
 * recorded whole or not at all. Instruments and connections have numbers of this client; the server gives them others.
 */
export class Client {
  /** For records of any type: beginFrame(), begin() ... endFrame(); see frame(). */
  readonly writer: CellWriter
  /** All batches up to here have reached the level, but for those that were refused. */
  acknowledgedBatch = 0
  /** Number of the last batch that was sent. */
  sentBatch = 0
  /** The server's limits. */
  readonly limits: Readonly<Welcome>

  readonly #socket: Socket
  readonly #address: string
  readonly #level: Level
  readonly #adapter: string
  readonly #memory = new BufferMemory()
  readonly #tables = new Map<string, InstrumentTable>()
  /** Venue and frames so far of the open connections. */
  readonly #connections = new Map<number, { venue: string; url: string; frames: number }>()
  readonly #refused: { batch: number; error: TickforgeError }[] = []
  #waiters: Waiter[] = []
  #writable: Promise<void> | undefined
  #failure: TickforgeError | undefined
  #closing = false
  #instruments = 0
  #alive: NodeJS.Timeout | undefined

  private constructor(socket: Socket, welcome: Welcome, address: string, options: ClientOptions) {
    this.#socket = socket
    this.#address = address
    this.#level = options.level ?? 'durable'
    this.#adapter = options.adapter ?? 'client'
    this.limits = welcome
    this.writer = new CellWriter(this.#memory)
    // A batch without records is a sign of life.
    if (welcome.idleMs > 0) {
      this.#alive = setInterval(() => this.#write(new Uint8Array()), Math.max(1, welcome.idleMs / 3))
      this.#alive.unref()
    }
  }

  /**
   * Connects to 'unix:PATH' or 'tcp:HOST:PORT'. Throws TF_USAGE, TF_CONNECT when nobody is there, TF_REFUSED when the server
   * does not want this client.
   */
  static async connect(address: string, options: ClientOptions = {}): Promise<Client> {
    const token = Buffer.from(options.token ?? '', 'utf8')
    if (token.length > TOKEN_BYTES_MAX) throw new TickforgeError('TF_USAGE', `the token has ${token.length} bytes`)
    const socket = connect(parseAddress(address))
    socket.setNoDelay(true)
    const reader = new AnswerReader()
    const hello = encodeHello(options.level ?? 'durable', token)
    const timeoutMs = options.timeoutMs ?? 10_000
    return await new Promise<Client>((resolve, reject) => {
      let client: Client | undefined
      const fail = (error: TickforgeError): void => {
        clearTimeout(timer)
        socket.destroy()
        if (client === undefined) reject(error)
        else client.#fail(error)
      }
      const timer = setTimeout(
        () => fail(new TickforgeError('TF_CONNECT', `${address}: no welcome within ${timeoutMs} ms`)),
        timeoutMs,
      )
      socket.on('connect', () => socket.write(hello))
      socket.on('data', (bytes: Buffer) => {
        try {
          for (const answer of reader.read(bytes)) {
            if (answer.kind === 'error') fail(refusal(address, answer))
            else if (client !== undefined) client.#onAnswer(answer)
            else if (answer.kind === 'welcome') {
              clearTimeout(timer)
              client = new Client(socket, answer, address, options)
              resolve(client)
            }
          }
        } catch (thrown) {
          fail(new TickforgeError('TF_CONNECT', `${address} does not speak the protocol: ${String(thrown)}`))
        }
      })
      socket.on('error', (error) => fail(lost(client, `${address}: ${error.message}`)))
      socket.on('close', () => fail(lost(client, `${address}: the connection was closed`)))
    })
  }

  /**
   * The number of an instrument, for the heads of records; writes its definition when it is new or has changed. `definition`
   * says what differs from the defaults, above all the decimals of prices and sizes.
   */
  instrument(venue: string, symbol: string, definition: Partial<Definition>): number {
    let table = this.#tables.get(venue)
    if (table === undefined) {
      table = new InstrumentTable(venue, this.#adapter, this.writer, () => ++this.#instruments)
      this.#tables.set(venue, table)
    }
    table.update(symbol, definition, DEFINITION_DEFAULTS)
    const instrument = table.get(symbol, DEFINITION_DEFAULTS)
    this.#begin({ tsRecv: 0n })
    const number = table.number(instrument)
    this.writer.endFrame()
    table.commit()
    return number
  }

  /** Opens a connection to a venue: its number, for RecordPlace. */
  open(venue: string, url: string, tsRecv = 0n): number {
    let number = 1
    while (this.#connections.has(number)) number++
    this.#connections.set(number, { venue, url, frames: 0 })
    this.#connectionRecord(number, tsRecv, ConnectionEvent.open, 0, '')
    return number
  }

  /** Closes it: the server says so itself, with a gap record, of connections that are open when the client goes. */
  shut(connection: number, tsRecv = 0n, code = 1000, reason = ''): void {
    this.#connectionRecord(connection, tsRecv, ConnectionEvent.close, code, reason)
    this.#connections.delete(connection)
  }

  trade(place: RecordPlace, trade: TradeFields): void {
    this.frame(place, (writer) => putTrade(writer, trade))
  }

  /** Writes the records of one message of the venue. What `fill` throws takes them back. */
  frame(place: RecordPlace, fill: (writer: CellWriter) => void): void {
    this.#begin(place)
    try {
      fill(this.writer)
    } catch (thrown) {
      this.writer.rollback()
      throw thrown
    }
    this.writer.endFrame()
  }

  /** Bytes of records that the next send() sends; `limits.payloadBytesMax` is the most. */
  get gatheredBytes(): number {
    return this.#memory.published * CELL_BYTES
  }

  /**
   * Sends what was written since the last send as one batch and returns its number. Resolves when the connection takes more,
   * so that a slow server slows down whoever waits for it. Throws TF_DISCONNECTED, TF_BATCH_TOO_LARGE.
   */
  async send(): Promise<number> {
    this.#check()
    const cells = this.#memory.cells()
    if (cells.length > this.limits.payloadBytesMax) {
      throw new TickforgeError(
        'TF_BATCH_TOO_LARGE',
        `a batch of ${cells.length} bytes; ${this.#address} takes ${this.limits.payloadBytesMax}`,
      )
    }
    if (cells.length === 0) return this.sentBatch
    const batch = this.#write(cells)
    this.#memory.clear()
    this.writer.restart()
    if (this.#socket.writableLength > SOCKET_BYTES) {
      this.#writable ??= this.#drained()
      await this.#writable
    }
    return batch
  }

  /**
   * Resolves when every batch up to this one (all that were sent) has reached the level. Throws TF_REFUSED with the first batch
   * up to it that was refused, once for each, and TF_DISCONNECTED.
   */
  async acknowledged(batch = this.sentBatch): Promise<void> {
    if (this.#level === 'none')
      throw new TickforgeError('TF_USAGE', "a client of level 'none' gets no acknowledgements")
    if (batch > this.acknowledgedBatch) {
      this.#check()
      await new Promise<void>((resolve, reject) => this.#waiters.push({ batch, resolve, reject }))
    }
    const first = this.#refused.findIndex((refused) => refused.batch <= batch)
    if (first !== -1) throw (this.#refused.splice(first, 1)[0] as { error: TickforgeError }).error
  }

  /**
   * Ends the connection behind what was sent, however long a server takes to read it. acknowledged() is to be asked before, by
   * whoever wants to know.
   */
  async close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#alive)
    if (this.#socket.destroyed) return
    await new Promise<void>((resolve) => {
      this.#socket.once('close', () => resolve())
      // A server that never ends its side is not waited for once it has been sent everything.
      this.#socket.end(() => setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS).unref())
    })
  }

  /** Ends the connection at once; what the server has not read is lost. */
  destroy(): void {
    this.#closing = true
    clearInterval(this.#alive)
    this.#socket.destroy()
  }

  #begin({ tsRecv, connection = 0 }: RecordPlace): void {
    const state = this.#connections.get(connection)
    if (state === undefined && connection !== 0) {
      throw new TickforgeError('TF_USAGE', `connection ${connection} is not open`)
    }
    const number = state === undefined ? 0 : ++state.frames
    this.writer.beginFrame(Number(BigInt.asIntN(32, tsRecv)), Number(tsRecv >> 32n), connection, number)
  }

  #connectionRecord(number: number, tsRecv: bigint, event: ConnectionEvent, code: number, reason: string): void {
    const { venue, url } = this.#connections.get(number) ?? { venue: '', url: '' }
    this.#begin({ tsRecv, connection: number })
    putConnection(this.writer, { event, integrity: Integrity.none, venue, url, code, reason })
    this.writer.endFrame()
  }

  #write(cells: Uint8Array): number {
    const batch = ++this.sentBatch
    this.#socket.write(encodeBatch(batch, cells))
    return batch
  }

  #drained(): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.#writable = undefined
        this.#socket.off('drain', done).off('close', done)
        if (this.#failure === undefined) resolve()
        else reject(this.#failure)
      }
      this.#socket.on('drain', done).on('close', done)
    })
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  #onAnswer(answer: Answer): void {
    if (answer.kind === 'refused') {
      // Nobody may ever ask: the first ones tell what is wrong.
      if (this.#refused.length === REFUSALS_MAX) return
      this.#refused.push({ batch: answer.batch, error: refusal(this.#address, answer) })
    } else if (answer.kind === 'acknowledged') {
      this.acknowledgedBatch = answer.batch
      const reached = this.#waiters.filter((waiter) => waiter.batch <= answer.batch)
      if (reached.length === 0) return
      this.#waiters = this.#waiters.filter((waiter) => waiter.batch > answer.batch)
      for (const { resolve } of reached) resolve()
    }
  }

  #fail(error: TickforgeError): void {
    clearInterval(this.#alive)
    if (this.#failure !== undefined) return
    this.#failure = this.#closing
      ? new TickforgeError('TF_DISCONNECTED', `${this.#address}: the client was closed`)
      : error
    for (const { reject } of this.#waiters.splice(0)) reject(this.#failure)
  }
}

function refusal(
  address: string,
  { code, text, batch }: { code: number; text: string; batch: number },
): TickforgeError {
  const what = batch === 0 ? '' : `batch ${batch}: `
  return new TickforgeError('TF_REFUSED', `${address}: ${what}${text} (code ${code})`)
}

function lost(client: Client | undefined, message: string): TickforgeError {
  if (client === undefined) return new TickforgeError('TF_CONNECT', message)
  return new TickforgeError(
    'TF_DISCONNECTED',
    `${message}; batches ${client.acknowledgedBatch + 1} to ${client.sentBatch} were not acknowledged`,
  )
}
