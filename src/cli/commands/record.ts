import { type Command, InvalidArgumentError } from 'commander'
import { TickforgeError } from '../../errors.ts'
import { CHANNELS, type Channel } from '../../feeds/feed.ts'
import type { Durability } from '../../native/binding.ts'
import type { SubscriptionStatus } from '../../recorder/delivery.ts'
import { Recorder, type RecorderStatus } from '../../recorder/recorder.ts'
import { choicesOf, duration, endpoints, pairs, repeated, shared, venuesOf } from '../options.ts'
import { count, lostMessages, printLine, warn } from '../output.ts'
import { Run, reportRecovery, watermarksText } from '../run.ts'
import type { OnHangup } from '../signals.ts'

/** Instruments that a message names; JSON has all. */
const NAMED_MAX = 12

interface Options {
  dir: string
  channels?: Channel[]
  journal: string
  endpoint?: string[]
  protocol?: string[]
  flushMs: number
  /** Bytes. */
  ringMb: number
  durability: Durability
  duration?: number
  silence?: Partial<Record<Channel, number>>
  onHangup: OnHangup
  json?: boolean
}

export function addRecord(program: Command): void {
  program
    .command('record')
    .description('record instruments until Ctrl-C, which loses nothing')
    .argument('<instruments...>', 'VENUE:SYMBOL, such as binance:BTCUSDT kraken:BTC/USD')
    .addOption(shared.directory())
    .option('--channels <list>', `${CHANNELS.join(',')} or some of them`, choicesOf(CHANNELS))
    .addOption(shared.journal())
    .option(
      '--endpoint <venue=address>',
      'other address of a venue: VENUE=HOST:PORT or VENUE=WS-URL,REST-URL',
      repeated,
    )
    .option(
      '--protocol <venue=name>',
      'an older protocol of a venue, for a server that plays a capture: kraken=kraken-v1',
      repeated,
    )
    .addOption(shared.flushMs())
    .addOption(shared.ringBytes())
    .addOption(shared.durability())
    .addOption(shared.duration())
    .addOption(shared.onHangup())
    .option(
      '--silence <times>',
      'report a subscription that delivers nothing for so long: 30s, or trade=10m,quote=1m,book=1m (the default)',
      silence,
    )
    .option('--json', 'print a line of JSON on what recovery found, and one on what was recorded')
    .action(record)
}

/** '30s' for all channels, or 'trade=10m,book=30s'; in ms by channel. */
function silence(value: string): Partial<Record<Channel, number>> {
  const times: Partial<Record<Channel, number>> = {}
  for (const part of value.split(',')) {
    const [, name, time = ''] = /^(?:(trade|quote|book)=)?(\d+(?:\.\d+)?(?:ms|s|m|h|d)?)$/.exec(part) ?? []
    const ms = time === '' ? 0 : duration(time) * 1000
    if (!(ms > 0))
      throw new InvalidArgumentError(`'${part}' is no time such as 30s, nor one of a channel such as book=30s`)
    for (const channel of CHANNELS) if (name === undefined || name === channel) times[channel] = ms
  }
  return times
}

/** 'binance:BTCUSDT trade, quote (acknowledged, but nothing came)', several of one reason together. */
export function missingText(missing: readonly SubscriptionStatus[]): string {
  const byReason = new Map<string, Map<string, string[]>>()
  for (const { instrument, channel, state, reason } of missing) {
    const why = state === 'refused' ? `refused: ${reason}` : reason
    const instruments = byReason.get(why) ?? new Map<string, string[]>()
    byReason.set(why, instruments)
    instruments.set(instrument, [...(instruments.get(instrument) ?? []), channel])
  }
  return [...byReason]
    .map(([why, instruments]) => {
      const names = [...instruments].map(([instrument, channels]) => `${instrument} ${channels.join('+')}`)
      const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : ''
      return `${names.slice(0, NAMED_MAX).join(', ')}${more} (${why})`
    })
    .join('; ')
}

async function record(instruments: string[], options: Options): Promise<void> {
  const startedAt = performance.now()
  const run = new Run(options.duration, options.onHangup)
  const venues = venuesOf(instruments)
  const recorder = new Recorder({
    directory: options.dir,
    instruments,
    ...(options.channels === undefined ? {} : { channels: options.channels }),
    journal: options.journal,
    endpoints: endpoints(options.endpoint, venues),
    protocols: pairs(options.protocol, venues, '--protocol'),
    ringBytes: options.ringMb,
    flushIntervalMs: options.flushMs,
    durability: options.durability,
    ...(options.silence === undefined ? {} : { silenceMs: options.silence }),
  })
  recorder.on('warning', warn)
  recorder.on('failed', (error) => run.fail(error))
  reportRecovery(recorder.recovery, options.json)
  await run.until(
    () => recorder.start(),
    () => statusLine(recorder.status()),
  )
  const watermarks = await recorder.stop().catch((error: unknown) => {
    run.fail(error)
    return recorder.status().watermarks
  })
  // Taken when all is over: frames still came in while the connections were being closed.
  const seconds = (performance.now() - startedAt) / 1000
  const final = { ...recorder.status(), watermarks, seconds, messagesLost: lostMessages() }
  if (options.json === true) printLine(final)
  else {
    const { counters, dropped } = final
    const lost = dropped === 0n ? '' : `, ${count(dropped)} dropped on a full disk`
    warn(
      `${count(counters.frames)} frames, ${count(watermarks.durable)} records on the disk, ${counters.gaps} gaps, ${counters.rejectedFrames} rejected frames${lost}`,
    )
  }
  const { missing } = final
  if (missing.length > 0)
    run.fail(new TickforgeError('TF_NOTHING_RECEIVED', `nothing was received of ${missingText(missing)}`))
  run.end()
}

/** One line for a terminal. */
export function statusLine(status: RecorderStatus): string {
  const { counters, watermarks } = status
  const parts = [
    `${status.open}/${status.sessions} connections`,
    `${count(counters.frames)} frames`,
    watermarksText(watermarks),
    `${counters.gaps} gaps`,
  ]
  if (counters.checksumsPassed + counters.checksumsFailed > 0)
    parts.push(`checksums ${count(counters.checksumsPassed)} ok ${counters.checksumsFailed} failed`)
  if (status.dropped > 0n) parts.push(`${count(status.dropped)} dropped`)
  if (counters.rejectedFrames > 0) parts.push(`${counters.rejectedFrames} rejected`)
  if (status.reconnects > 0) parts.push(`${status.reconnects} reconnects`)
  return parts.join(' · ')
}
