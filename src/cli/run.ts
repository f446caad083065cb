// What the commands that run until Ctrl-C share: what recovery found, when to end, the line on a terminal.
import { loadNative, type RecoveryReport, type Watermarks } from '../native/binding.ts'
import { GapCause } from '../records/layout.ts'
import { nameOf } from '../records/view.ts'
import { clearProgress, count, printLine, progress, warn } from './output.ts'

export const DURABILITY_HELP =
  'when it is on the disk: batch (synced as it is written), an interval such as 50ms, or os (when the operating system likes)'

const STATUS_MS = 250

/** From the start of a command to SIGINT, SIGTERM, its --duration or a failure. */
export class Run {
  #failure: { error: unknown } | undefined
  #end: () => void = () => undefined
  readonly #ended: Promise<void>
  readonly #startedAt = performance.now()
  readonly #duration: number | undefined

  /** `duration` in seconds. */
  constructor(duration: number | undefined) {
    this.#duration = duration
    this.#ended = new Promise((resolve) => {
      this.#end = resolve
    })
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, this.#end)
  }

  /** The first failure ends the run, and the command by end(). */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#end()
  }

  /** Starts, and resolves when it is time to stop; never throws. */
  async until(start: () => Promise<void>, status: () => string): Promise<void> {
    const timer = this.#duration === undefined ? undefined : setTimeout(this.#end, this.#duration * 1000)
    const shown = setInterval(() => progress(status(), this.#startedAt), STATUS_MS)
    try {
      await Promise.race([start(), this.#ended])
      await this.#ended
    } catch (error) {
      this.fail(error)
    } finally {
      clearTimeout(timer)
      clearInterval(shown)
      clearProgress()
    }
  }

  /** Throws the failure, if there was one. */
  end(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

/** Says what opening the journal found: all of it as JSON, what a person must know otherwise. */
export function reportRecovery(recovery: RecoveryReport, json: boolean | undefined): void {
  if (json === true) {
    const { gapCause, ...found } = recovery
    printLine({ recovered: { ...found, gap: gapCause === 0 ? null : nameOf(GapCause, gapCause) } })
  }
  if (!recovery.clean) {
    const damage = recovery.corruptBlocks === 0 ? '' : `, ${recovery.corruptBlocks} damaged blocks left in place`
    warn(
      `the last recorder did not stop in order: ${recovery.segment} was recovered (${recovery.tornTailBytes} torn bytes cut off${damage})`,
    )
  }
  const kind = loadNative().writerKind()
  if (kind !== 'io_uring') warn(`writing with ${kind}`)
}

/** How far records have come: '5 records, 4 written, 3 durable'. */
export function watermarksText({ appended, written, durable }: Watermarks): string {
  return `${count(appended)} records, ${count(written)} written, ${count(durable)} durable`
}
