// What the commands that run until Ctrl-C share: what recovery found, when to end, the line on a terminal.
import { loadNative, type RecoveryReport, type Watermarks } from '../native/binding.ts'
import { GapCause } from '../records/layout.ts'
import { nameOf } from '../records/view.ts'
import { after } from './long-timer.ts'
import { clearProgress, count, printLine, progress, warn } from './output.ts'
import { type OnHangup, onStop } from './signals.ts'

const STATUS_MS = 250

/** From the start of a command to a signal, its --duration or a failure. */
export class Run {
  #failure: { error: unknown } | undefined
  #end: () => void = () => undefined
  readonly #ended: Promise<void>
  readonly #startedAt = performance.now()
  readonly #duration: number | undefined

  /** `duration` in seconds. */
  constructor(duration: number | undefined, onHangup: OnHangup) {
    this.#duration = duration
    this.#ended = new Promise((resolve) => {
      this.#end = resolve
    })
    onStop(this.#end, onHangup)
    // A defect somewhere ends the run in order: what was received is written, the segment closed, the lock given back.
    process.on('uncaughtException', (error) => this.fail(error))
  }

  /** The first failure ends the run, and the command by end(). */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#end()
  }

  /** Starts, and resolves when it is time to stop; never throws. */
  async until(start: () => Promise<void>, status: () => string): Promise<void> {
    const callOff = this.#duration === undefined ? undefined : after(this.#duration * 1000, this.#end)
    const shown = setInterval(() => progress(status(), this.#startedAt), STATUS_MS)
    try {
      await Promise.race([start(), this.#ended])
      await this.#ended
    } catch (error) {
      this.fail(error)
    } finally {
      callOff?.()
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
