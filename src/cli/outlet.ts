// Standard output and standard error, so that nobody who does not read them holds a recorder up or ends it. Node writes to
// pipes and terminals synchronously: a pipe that nobody empties would stop the thread, signals included. Here both are
// opened once more, without blocking, under a description of their own: that of the shell stays as it is.
import { closeSync, constants, fstatSync, openSync, type Stats, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { isatty } from 'node:tty'

/** How often a reader is looked for while nothing is written. */
const READER_CHECK_MS = 500
/** A terminal that is stopped (Ctrl-S) is looked at this often. */
const TERMINAL_RETRY_MS = 50
/** Of a message stream that nobody reads: what is above this is dropped, and counted. */
const UNREAD_BYTES_MAX = 64 * 1024

export type OutletError = NodeJS.ErrnoException

/** Where bytes go. `write` never blocks and never throws. */
interface Sink {
  write(bytes: Buffer): void
  /** Bytes that wait for the reader. */
  readonly waiting: number
}

const TERMINALS = [0, 1, 2].filter((fd) => isatty(fd))

/**
 * The process is about to end. Node then sets its terminals back to what they were, and dies of it where one of them was closed
 * meanwhile: those are given up before.
 */
export function leaveTerminals(): void {
  for (const fd of TERMINALS) {
    if (isatty(fd)) continue
    try {
      closeSync(fd)
    } catch {
      // It was closed already.
    }
  }
}

/** One of the two standard streams. */
export class Outlet {
  /** Why nothing can be written any more: the reader is gone (EPIPE), the disk is full (ENOSPC) ... */
  failure: OutletError | undefined
  readonly isTerminal: boolean
  readonly #fd: number
  readonly #isPipe: boolean
  readonly #sink: Sink
  #settled: (() => void)[] = []

  constructor(fd: 1 | 2) {
    this.isTerminal = isatty(fd)
    this.#fd = fd
    this.#isPipe = statOf(fd)?.isFIFO() === true
    const settled = (): void => {
      for (const resolve of this.#settled.splice(0)) resolve()
    }
    this.#sink = openSink(fd, this.isTerminal, settled, (error) => {
      this.failure ??= error
      settled()
    })
  }

  /** Hands text over; what the reader does not take yet waits in memory. */
  write(text: string): void {
    if (this.failure === undefined) this.#sink.write(Buffer.from(text, 'utf8'))
  }

  /** Bytes that were handed over and wait for the reader. */
  get waiting(): number {
    return this.failure === undefined ? this.#sink.waiting : 0
  }

  /** Calls `act` when the reader of a pipe or a socket is gone. A pipe without a reader cannot be opened for writing. */
  onceClosed(act: () => void): void {
    const timer = setInterval(() => {
      if (this.failure === undefined && !(this.#isPipe && !hasReader(this.#fd))) return
      clearInterval(timer)
      act()
    }, READER_CHECK_MS)
    timer.unref()
  }

  /** Resolves when nothing waits any more, or nothing can be written any more. */
  async written(): Promise<void> {
    while (this.waiting > 0) await new Promise<void>((resolve) => this.#settled.push(resolve))
  }
}

/**
 * Messages for a person. A message that cannot be written now, or would make too much wait, is dropped and counted; how many
 * those were is the first thing that is said when there is room again.
 */
export class MessageOutlet {
  /** Messages that were never written. */
  lost = 0
  #unsaid = 0
  readonly #outlet: Outlet

  constructor(outlet: Outlet) {
    this.#outlet = outlet
  }

  get isTerminal(): boolean {
    return this.#outlet.isTerminal
  }

  message(text: string): void {
    const { failure, waiting } = this.#outlet
    if ((waiting > 0 && waiting + text.length > UNREAD_BYTES_MAX) || (failure !== undefined && !mayPass(failure))) {
      this.lost++
      this.#unsaid++
      return
    }
    // A disk that was full may have room again.
    this.#outlet.failure = undefined
    const lost = this.#unsaid === 0 ? '' : `tickforge: ${this.#unsaid} messages could not be written here\n`
    this.#outlet.write(lost + text)
    if (this.#outlet.failure === undefined) this.#unsaid = 0
    else {
      this.lost++
      this.#unsaid++
    }
  }

  /** Something that is out of date in a moment: dropped without a count when it cannot be written at once. */
  passing(text: string): void {
    if (this.#outlet.failure === undefined && this.#outlet.waiting === 0) this.#outlet.write(text)
  }

  async written(): Promise<void> {
    await this.#outlet.written()
  }
}

/** A reader that is gone does not come back; space on a disk does. */
function mayPass(failure: OutletError): boolean {
  return failure.code !== 'EPIPE' && failure.code !== 'EBADF' && failure.code !== 'ECONNRESET'
}

type Fail = (error: OutletError) => void

function openSink(fd: number, isTerminal: boolean, settled: () => void, fail: Fail): Sink {
  const kind = statOf(fd)
  if (isTerminal) return new TerminalSink(reopened(fd) ?? fd, settled, fail)
  // A pipe of another user (sudo, a container) cannot be opened once more: the event loop then sets that of the shell not to
  // block. It never closes descriptors up to 2.
  if (kind?.isFIFO() === true) return new SocketSink(reopened(fd) ?? fd, settled, fail)
  if (kind?.isSocket() === true) return new SocketSink(fd, settled, fail)
  return new FileSink(fd, fail)
}

function statOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd)
  } catch {
    return undefined
  }
}

/** A description of our own of the same pipe or terminal, which does not block. */
function reopened(fd: number): number | undefined {
  try {
    return openOnceMore(fd)
  } catch {
    return undefined
  }
}

function openOnceMore(fd: number): number {
  return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
}

/** Only ENXIO says that nobody reads. A pipe of another user cannot be opened, whether somebody reads it or not. */
function hasReader(fd: number): boolean {
  try {
    closeSync(openOnceMore(fd))
    return true
  } catch (error) {
    return (error as OutletError).code !== 'ENXIO'
  }
}

/** A file or a device: it takes what it is given, or says why not. */
class FileSink implements Sink {
  readonly waiting = 0
  readonly #fd: number
  readonly #fail: Fail

  constructor(fd: number, fail: Fail) {
    this.#fd = fd
    this.#fail = fail
  }

  write(bytes: Buffer): void {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at)
    } catch (error) {
      this.#fail(error as OutletError)
    }
  }
}

/** A pipe or a socket, written to by the event loop. */
class SocketSink implements Sink {
  readonly #socket: Socket
  readonly #settled: () => void
  readonly #fail: Fail
  #ended: OutletError | undefined

  constructor(fd: number, settled: () => void, fail: Fail) {
    this.#socket = new Socket({ fd, readable: false, writable: true })
    this.#settled = settled
    this.#fail = fail
    this.#socket.on('error', (error) => this.#end(error))
    // Of a socket whose other end is closed, also when nothing is being written.
    this.#socket.on('close', () => this.#end(Object.assign(new Error('the reader is gone'), { code: 'EPIPE' })))
  }

  get waiting(): number {
    return this.#socket.destroyed ? 0 : this.#socket.writableLength
  }

  write(bytes: Buffer): void {
    if (this.#ended !== undefined) this.#fail(this.#ended)
    else this.#socket.write(bytes, this.#settled)
  }

  #end(error: OutletError): void {
    this.#ended ??= error
    this.#fail(this.#ended)
  }
}

/** A terminal, which the event loop would set to block. */
class TerminalSink implements Sink {
  readonly #fd: number
  readonly #settled: () => void
  readonly #fail: Fail
  #queue: Buffer = Buffer.alloc(0)
  #retry: NodeJS.Timeout | undefined
  #ended: OutletError | undefined

  constructor(fd: number, settled: () => void, fail: Fail) {
    this.#fd = fd
    this.#settled = settled
    this.#fail = fail
  }

  get waiting(): number {
    return this.#queue.length
  }

  write(bytes: Buffer): void {
    // The number of the closed descriptor may be that of another file by now.
    if (this.#ended !== undefined) {
      this.#fail(this.#ended)
      return
    }
    this.#queue = this.#queue.length === 0 ? bytes : Buffer.concat([this.#queue, bytes])
    if (this.#retry === undefined) this.#push()
  }

  #push(): void {
    this.#retry = undefined
    try {
      while (this.#queue.length > 0) this.#queue = this.#queue.subarray(writeSync(this.#fd, this.#queue))
      this.#settled()
    } catch (thrown) {
      const error = thrown as OutletError
      if (error.code === 'EAGAIN') this.#retry = setTimeout(() => this.#push(), TERMINAL_RETRY_MS)
      else this.#give(error)
    }
  }

  #give(error: OutletError): void {
    this.#ended = error
    this.#queue = Buffer.alloc(0)
    if (this.#fd > 2) closeSync(this.#fd)
    this.#fail(error)
  }
}
