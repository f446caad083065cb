// Follows a journal while it is being recorded: the records of replay, as they are published.
import { setImmediate as turn } from 'node:timers/promises'
import { asTickforgeError } from '../errors.ts'
import { loadNative, type NativeTail } from '../native/binding.ts'
import type { RecordName } from '../records/record-view.ts'
import { type ResolvedQuery, resolveQuery, type TimeInput } from '../replay/query.ts'
import type { RecordBatch } from '../replay/replay.ts'
import { TailBatches } from './tail-batches.ts'

export interface TailQuery {
  /**
   * Where to begin: 'now' (default), 'start' (the oldest record), a time, or a position: `Tail.position` of an earlier tail,
   * or '<segment>:<record>'.
   */
  from?: TimeInput
  /** 'venue:symbol'. Default: all. What has not been recorded yet is waited for. */
  instruments?: readonly string[]
  /** Default: all. */
  types?: readonly RecordName[]
  /** Ends the tail. */
  signal?: AbortSignal
  /** Name of the journal. Default: 'main'. */
  journal?: string
  /** Never sleep while a recorder lives: the shortest delay, for a whole core. */
  spin?: boolean
}

const POSITION = /^(start|\d{4}-\d\d-\d\d\.[a-z0-9_-]{1,32}\.\d{3,}(\.tfs)?):\d+/

/** Batches that came without waiting before timers and sockets get their turn. */
const BATCHES_PER_TURN = 16

/**
 * The records of a journal in batches, from where a query says, for ever. Iterate a batch before you ask for the next: its
 * records are views that are reused. A directory in which nothing has been recorded yet is waited for. Iterate it once.
 */
export class Tail implements AsyncIterable<RecordBatch> {
  readonly #native: NativeTail
  readonly #query: ResolvedQuery
  readonly #signal: AbortSignal | undefined

  /** Throws TF_NO_DIRECTORY, TF_NO_FILE, TF_EMPTY_RANGE, TF_BAD_TIME, TF_USAGE, and what reading a segment throws. */
  constructor(directory: string, query: TailQuery = {}) {
    const { from = 'now', instruments, types, journal = 'main', spin = false } = query
    const place = from === 'now' || from === 'start' || (typeof from === 'string' && POSITION.test(from))
    const resolved = resolveQuery(
      {
        ...(place ? {} : { from }),
        ...(instruments === undefined ? {} : { instruments }),
        ...(types === undefined ? {} : { types }),
      },
      new Set(instruments),
    )
    this.#query = resolved
    this.#signal = query.signal
    try {
      const text = place ? from : String(resolved.from)
      this.#native = loadNative().openTail({ directory, journal, from: text, spin })
    } catch (thrown) {
      throw asTickforgeError(thrown)
    }
  }

  /**
   * Behind the batch that was given last, as text: a tail that begins there goes on with no gap and no overlap. Not while the next
   * batch is waited for.
   */
  get position(): string {
    return this.#native.position()
  }

  /** Throws TF_CORRUPT, TF_NEWER_FORMAT, TF_IO, TF_NO_DIRECTORY. */
  async *[Symbol.asyncIterator](): AsyncGenerator<RecordBatch, void, undefined> {
    const native = this.#native
    const signal = this.#signal
    const stop = (): void => native.stop()
    signal?.addEventListener('abort', stop, { once: true })
    const batches = new TailBatches(native.buffer, this.#query)
    try {
      for (let ready = 0; signal?.aborted !== true; ) {
        let spans = native.poll()
        if (spans.length === 0) spans = await native.wait()
        else if (++ready % BATCHES_PER_TURN === 0) await turn()
        if (spans.length > 0) yield batches.take(spans)
      }
    } catch (thrown) {
      throw asTickforgeError(thrown)
    } finally {
      signal?.removeEventListener('abort', stop)
      native.stop()
    }
  }
}
