import { type Command, InvalidArgumentError, Option } from 'commander'
import type { FaultOptions } from '../../simulate/faults.ts'
import { REST_FAULTS, REST_TARGETS, type RestFaultOptions, type RestTarget } from '../../simulate/rest-faults.ts'
import { createSimulator, type Simulator } from '../../simulate/simulator.ts'
import { list, numberFrom, repeated, wholeFrom } from '../options.ts'
import { clearProgress, count, print, progress, toJson } from '../output.ts'
import { onStop } from '../signals.ts'

interface Options {
  venue: string
  port: number
  host: string
  seed: number
  symbols?: string[]
  rate: number
  bookLag: number
  capture?: string[]
  speed: number | 'max'
  connections: 'merge' | 'separate'
  acks?: boolean
  repeat?: boolean
  dropAfter?: number
  skipEvery?: number
  garbageEvery?: number
  stallAfter?: { frames: number; ms: number }
  closeAfter?: number
  invalidTextEvery?: number
  largeFrameAfter?: { frames: number; bytes: number }
  unknownWordEvery?: number
  silent?: string[]
  refuse?: string[]
  shareMax?: number
  faultLimit?: number
  restFault?: Pick<RestFaultOptions, 'kind' | 'status' | 'retryAfter'>
  restFaultOn: RestTarget
  json?: boolean
}

const times = wholeFrom(1, Number.MAX_SAFE_INTEGER)
const STALL_MS_MAX = 86_400_000

export function addSimulate(program: Command): void {
  program
    .command('simulate')
    .description('an exchange server of its own: a seeded market, or a capture played back')
    .requiredOption('--venue <venue>', 'binance, binance-usdm, binance-coinm, kraken, coinbase')
    .option('--port <port>', '0 = any free one', wholeFrom(0, 65_535), 0)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--seed <number>', 'the same seed gives the same market', wholeFrom(1, 0xffff_ffff), 1)
    .option('--symbols <list>', "instruments of the market, in the venue's spelling", list)
    .option('--rate <events>', 'events of the market a second, at most 100000', numberFrom(0.001, 100_000), 200)
    .option(
      '--book-lag <ms>',
      'how much older than the streams every other order book of REST is',
      wholeFrom(0, 60_000),
      250,
    )
    .option('--capture <file>', 'play this capture instead of a market; may be repeated', repeated)
    .option('--speed <factor>', "factor to the capture's pace, or max", speed, 1)
    .addOption(
      new Option(
        '--connections <mode>',
        'merge: a capture of several connections on one; separate: in order of connecting',
      )
        .choices(['merge', 'separate'])
        .default('merge'),
    )
    .option('--acks', 'answer subscriptions during a capture that holds no answers')
    .option('--repeat', 'play the capture again for later clients')
    .option('--drop-after <frames>', 'fault: cut the TCP connection in the middle of the frame after so many', times)
    .option('--skip-every <updates>', 'fault: leave out one book update of so many', times)
    .option(
      '--garbage-every <frames>',
      "fault: send something that is not the venue's JSON before one frame of so many",
      times,
    )
    .option('--stall-after <frames:ms>', 'fault: send nothing for so long after so many frames', stall)
    .option('--invalid-text-every <frames>', 'fault: send text that is not UTF-8 before one frame of so many', times)
    .option('--large-frame-after <frames:bytes>', 'fault: send a frame of so many bytes after so many frames', large)
    .option('--unknown-word-every <trades>', 'fault: one trade of so many says what is not documented', times)
    .option('--silent <list>', 'fault: acknowledge and never deliver: trade, book:BTCUSDT', list)
    .option('--refuse <list>', 'fault: refuse these symbols', list)
    .option('--share-max <instruments>', 'fault: refuse requests for more instruments than this', times)
    .option(
      '--rest-fault <kind>',
      `fault: answer REST requests with ${REST_FAULTS.join(', ')}; refuse:STATUS:RETRY-AFTER`,
      restFault,
    )
    .addOption(
      new Option('--rest-fault-on <what>', 'requests that the REST fault concerns')
        .choices(REST_TARGETS)
        .default('depth'),
    )
    .option('--close-after <frames>', 'fault: close the connection after so many frames', times)
    .option('--fault-limit <times>', 'each fault happens at most so often', times)
    .option('--json', 'print one JSON line when listening')
    .action(simulate)
}

function speed(value: string): number | 'max' {
  return value === 'max' ? value : numberFrom(1e-3, 1e9)(value)
}

function stall(value: string): { frames: number; ms: number } {
  const parts = /^(\d+):(\d+)$/.exec(value)
  if (parts === null) throw new InvalidArgumentError('FRAMES:MILLISECONDS was expected, such as 1000:5000')
  return { frames: times(parts[1] as string), ms: wholeFrom(0, STALL_MS_MAX)(parts[2] as string) }
}

function large(value: string): { frames: number; bytes: number } {
  const parts = /^(\d+):(\d+)$/.exec(value)
  if (parts === null) throw new InvalidArgumentError('FRAMES:BYTES was expected, such as 1000:20000000')
  return { frames: times(parts[1] as string), bytes: times(parts[2] as string) }
}

/** 'bomb', 'refuse:429', 'refuse:418:120'. What makes no sense is refused when the simulator is made. */
function restFault(value: string): Pick<RestFaultOptions, 'kind' | 'status' | 'retryAfter'> {
  const [kind, status, ...retryAfter] = value.split(':')
  return {
    kind: kind as RestFaultOptions['kind'],
    ...(status === undefined ? {} : { status: Number(status) }),
    ...(retryAfter.length === 0 ? {} : { retryAfter: retryAfter.join(':') }),
  }
}

function faults(options: Options): FaultOptions {
  return {
    ...(options.dropAfter === undefined ? {} : { dropMidFrameAfter: options.dropAfter }),
    ...(options.skipEvery === undefined ? {} : { skipEvery: options.skipEvery }),
    ...(options.garbageEvery === undefined ? {} : { garbageEvery: options.garbageEvery }),
    ...(options.stallAfter === undefined ? {} : { stallAfter: options.stallAfter }),
    ...(options.closeAfter === undefined ? {} : { closeAfter: options.closeAfter }),
    ...(options.invalidTextEvery === undefined ? {} : { invalidTextEvery: options.invalidTextEvery }),
    ...(options.largeFrameAfter === undefined ? {} : { largeFrameAfter: options.largeFrameAfter }),
    ...(options.unknownWordEvery === undefined ? {} : { unknownWordEvery: options.unknownWordEvery }),
    ...(options.silent === undefined ? {} : { silent: options.silent }),
    ...(options.refuse === undefined ? {} : { refuse: options.refuse }),
    ...(options.shareMax === undefined ? {} : { shareMax: options.shareMax }),
    ...(options.faultLimit === undefined ? {} : { limit: options.faultLimit }),
  }
}

async function simulate(options: Options): Promise<void> {
  const simulator = await createSimulator({
    venue: options.venue,
    port: options.port,
    host: options.host,
    seed: options.seed,
    rate: options.rate,
    bookLagMs: options.bookLag,
    speed: options.speed,
    connections: options.connections,
    acks: options.acks ?? false,
    repeat: options.repeat ?? false,
    faults: faults(options),
    ...(options.restFault === undefined
      ? {}
      : {
          restFault: {
            ...options.restFault,
            target: options.restFaultOn,
            ...(options.faultLimit === undefined ? {} : { limit: options.faultLimit }),
          },
        }),
    ...(options.symbols === undefined ? {} : { symbols: options.symbols }),
    ...(options.capture === undefined ? {} : { capture: options.capture }),
  })
  const address = simulator.endpoints.rest.replace(/^https?:\/\//, '')
  if (options.json === true)
    await print(`${toJson({ venue: options.venue, port: simulator.port, endpoints: simulator.endpoints })}\n`)
  else {
    await print(
      `${options.venue} listens on ${simulator.endpoints.websocket}\nrecord it with:  tickforge record ${options.venue}:SYMBOL --endpoint ${options.venue}=${address} --dir data\n`,
    )
  }
  const startedAt = performance.now()
  const shown = setInterval(() => progress(describe(simulator), startedAt), 500)
  await new Promise<string>((resolve) => onStop(resolve))
  clearInterval(shown)
  clearProgress()
  await simulator.close()
}

function describe(simulator: Simulator): string {
  const { stats } = simulator
  return Object.entries(stats)
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([name, value]) => `${name} ${count(value)}`)
    .join(' · ')
}
