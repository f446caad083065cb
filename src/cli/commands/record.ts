import type { Command } from 'commander'
import { TickforgeError } from '../../errors.ts'
import { CHANNELS, type Channel } from '../../feeds/feed.ts'
import { loadNative } from '../../native/binding.ts'
import { Recorder, type RecorderStatus } from '../../recorder/recorder.ts'
import { duration, endpoints, list, pairs, positive } from '../options.ts'
import { clearProgress, count, progress, toJson, warn } from '../output.ts'

interface Options {
  dir: string
  channels?: string[]
  journal: string
  endpoint?: string[]
  protocol?: string[]
  flushMs: number
  ringMb: number
  sync: boolean
  duration?: number
  json?: boolean
}

export function addRecord(program: Command): void {
  program
    .command('record')
    .description('record instruments until Ctrl-C, which loses nothing')
    .argument('<instruments...>', 'VENUE:SYMBOL, such as binance:BTCUSDT kraken:BTC/USD')
    .requiredOption('--dir <directory>', 'where to record to; created if it is not there')
    .option('--channels <list>', `${CHANNELS.join(',')} or some of them`, list)
    .option('--journal <name>', 'name of the journal', 'main')
    .option('--endpoint <venue=address>', 'other address of a venue: VENUE=HOST:PORT or VENUE=WS-URL,REST-URL', list2)
    .option(
      '--protocol <venue=name>',
      'an older protocol of a venue, for a server that plays a capture: kraken=kraken-v1',
      list2,
    )
    .option('--flush-ms <ms>', 'write a block that is not full after this time', positive, 100)
    .option('--ring-mb <MiB>', 'memory between receiving and writing, a power of two', positive, 16)
    .option('--no-sync', 'leave it to the operating system when data reaches the disk')
    .option('--duration <time>', 'stop by itself: 15s, 2m, 1h', duration)
    .option('--json', 'print one JSON document at the end')
    .action(record)
}

/** Addresses contain commas, so only repetition separates them. */
function list2(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}

async function record(instruments: string[], options: Options): Promise<void> {
  const channels = (options.channels ?? CHANNELS) as Channel[]
  for (const channel of channels) {
    if (!CHANNELS.includes(channel))
      throw new TickforgeError('TF_USAGE', `--channels: '${channel}' is none of ${CHANNELS.join(', ')}`)
  }
  const recorder = new Recorder({
    directory: options.dir,
    instruments,
    channels,
    journal: options.journal,
    endpoints: endpoints(options.endpoint),
    protocols: pairs(options.protocol, '--protocol'),
    ringBytes: options.ringMb * 1024 * 1024,
    flushIntervalMs: options.flushMs,
    durability: options.sync ? 'batch' : 'os',
  })
  const startedAt = performance.now()
  let failure: unknown
  let end: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  recorder.on('warning', warn)
  recorder.on('failed', (error) => {
    failure ??= error
    end()
  })
  const { recovery } = recorder
  if (!recovery.clean) {
    warn(
      `the last recorder did not stop in order: ${recovery.segment} was recovered (${recovery.tornTailBytes} torn bytes cut off)`,
    )
  }
  const kind = loadNative().writerKind()
  if (kind !== 'io_uring') warn(`writing with ${kind}`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
  const timer = options.duration === undefined ? undefined : setTimeout(end, options.duration * 1000)
  const shown = setInterval(() => progress(statusLine(recorder.status()), startedAt), 250)
  try {
    await Promise.race([recorder.start(), ended])
    await ended
  } catch (error) {
    failure ??= error
  } finally {
    clearTimeout(timer)
    clearInterval(shown)
    clearProgress()
  }
  const watermarks = await recorder.stop().catch((error: unknown) => {
    failure ??= error
    return recorder.status().watermarks
  })
  // Taken when all is over: frames still came in while the connections were being closed.
  const final = { ...recorder.status(), watermarks, seconds: (performance.now() - startedAt) / 1000 }
  if (options.json === true) process.stdout.write(`${toJson(final, 2)}\n`)
  else {
    const { counters } = final
    process.stderr.write(
      `tickforge: ${count(counters.frames)} frames, ${count(watermarks.durable)} records on the disk, ${counters.gaps} gaps, ${counters.rejectedFrames} rejected frames\n`,
    )
  }
  if (failure !== undefined) throw failure
}

/** One line for a terminal. */
export function statusLine(status: RecorderStatus): string {
  const { counters, watermarks } = status
  const parts = [
    `${status.open}/${status.sessions} connections`,
    `${count(counters.frames)} frames`,
    `${count(watermarks.durable)} of ${count(counters.records)} records durable`,
    `${counters.gaps} gaps`,
  ]
  if (counters.checksumsPassed + counters.checksumsFailed > 0)
    parts.push(`checksums ${count(counters.checksumsPassed)} ok ${counters.checksumsFailed} failed`)
  if (counters.rejectedFrames > 0) parts.push(`${counters.rejectedFrames} rejected`)
  if (status.reconnects > 0) parts.push(`${status.reconnects} reconnects`)
  return parts.join(' · ')
}
