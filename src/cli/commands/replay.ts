import { type Command, InvalidArgumentError } from 'commander'
import { TickforgeError } from '../../errors.ts'
import { Log } from '../../open-log.ts'
import { formatTime } from '../../records/time.ts'
import { toTime } from '../../replay/query.ts'
import { after } from '../long-timer.ts'
import { numberFrom, query, type RangeOptions, shared } from '../options.ts'
import { warn } from '../output.ts'
import { jsonLine, Lines } from '../record-lines.ts'

interface Options extends RangeOptions {
  speed: number
}

export function addReplay(program: Command): void {
  program
    .command('replay')
    .description('print the records of a range as JSON lines, in order of receipt')
    .argument('<directory>')
    .addOption(shared.from())
    .addOption(shared.to())
    .addOption(shared.instrument())
    .addOption(shared.type())
    .option('--speed <speed>', 'max, or a factor of real time: 1, 10', speed, Number.POSITIVE_INFINITY)
    .action(replay)
}

const SPEED_MIN = 1e-3
const SPEED_MAX = 1e9

function speed(value: string): number {
  if (value === 'max') return Number.POSITIVE_INFINITY
  try {
    return numberFrom(SPEED_MIN, SPEED_MAX)(value)
  } catch {
    throw new InvalidArgumentError("'max' or a number from 0.001 to 1000000000 was expected")
  }
}

async function replay(directory: string, options: Options): Promise<void> {
  const log = new Log(directory)
  try {
    const pacer = options.speed === Number.POSITIVE_INFINITY ? undefined : new Pacer(options.speed)
    const lines = new Lines()
    let printed = 0
    for (const batch of log.replay(query(options))) {
      for (const record of batch) {
        const wait = pacer?.wait(record.tsRecv) ?? 0
        if (wait > 0 && !(await lines.flush())) return
        lines.put(jsonLine(record))
        printed++
        if (wait > 0) await sleep(wait)
        if (lines.full && !(await lines.flush())) return
      }
    }
    await lines.flush()
    if (printed === 0) nothing(log, options)
    for (const damage of log.damage) {
      warn(
        `${damage.path}: records ${damage.firstRecord} to ${damage.endRecord - 1n} cannot be read (TF_CORRUPT; see tickforge verify)`,
      )
    }
  } finally {
    log.close()
  }
}

/** Says that no record was asked for. Throws TF_EMPTY_RANGE when the log has nothing at all of the range. */
function nothing(log: Log, options: Options): void {
  const span = log.span
  if (span === undefined) {
    const what = 'nothing that can be read has been recorded yet'
    if (options.from !== undefined || options.to !== undefined) throw new TickforgeError('TF_EMPTY_RANGE', what)
    warn(what)
    return
  }
  const before = options.to !== undefined && toTime(options.to, 'to') <= span.from
  const after = options.from !== undefined && toTime(options.from, 'from') > span.to
  if (before || after) {
    const recorded = `${formatTime(span.from)} to ${formatTime(span.to)}`
    throw new TickforgeError('TF_EMPTY_RANGE', `nothing was recorded in that range; the log holds ${recorded}`)
  }
  warn('no record of the range matches')
}

async function sleep(ms: number): Promise<void> {
  await new Promise<void>((resolve) => after(ms, resolve))
}

/** Holds records back until their time, counted from the first one. */
class Pacer {
  readonly #speed: number
  #first: bigint | undefined
  #startedAt = 0

  constructor(factor: number) {
    this.#speed = factor
  }

  /** Milliseconds until a record is due; 0 when it is late or due within the resolution of timers. */
  wait(tsRecv: bigint): number {
    if (this.#first === undefined) {
      this.#first = tsRecv
      this.#startedAt = performance.now()
      return 0
    }
    const due = Number(tsRecv - this.#first) / 1e6 / this.#speed
    const wait = due - (performance.now() - this.#startedAt)
    return wait < 1 ? 0 : wait
  }
}
