import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { Log } from '../../open-log.ts'
import { list, query, type RangeOptions } from '../options.ts'
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
    .option('--from <time>', 'first receive time, inclusive: ISO 8601 or integer ns')
    .option('--to <time>', 'last receive time, exclusive')
    .option('--instrument <list>', 'VENUE:SYMBOL,...; default all', list)
    .option('--type <list>', 'trade,quote,book,gap,...; default all', list)
    .option('--speed <speed>', 'max, or a factor of real time: 1, 10', speed, Number.POSITIVE_INFINITY)
    .action(replay)
}

function speed(value: string): number {
  if (value === 'max') return Number.POSITIVE_INFINITY
  const number = Number(value)
  if (!Number.isFinite(number) || number <= 0) throw new InvalidArgumentError("'max' or a number above 0 was expected")
  return number
}

async function replay(directory: string, options: Options): Promise<void> {
  const log = new Log(directory)
  try {
    const pacer = options.speed === Number.POSITIVE_INFINITY ? undefined : new Pacer(options.speed)
    const lines = new Lines()
    for (const batch of log.replay(query(options))) {
      for (const record of batch) {
        const wait = pacer?.wait(record.tsRecv) ?? 0
        if (wait > 0 && !(await lines.flush())) return
        lines.put(jsonLine(record))
        if (wait > 0) await sleep(wait)
        if (lines.full && !(await lines.flush())) return
      }
    }
    await lines.flush()
    for (const damage of log.damage) {
      warn(
        `${damage.path}: records ${damage.firstRecord} to ${damage.endRecord - 1n} cannot be read (TF_CORRUPT; see tickforge verify)`,
      )
    }
  } finally {
    log.close()
  }
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
