// `tickforge tail` in a process of its own, beside a recorder.
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Running, start, tickforge } from '../helpers/command-line.ts'
import { eventually } from '../helpers/eventually.ts'
import { HandWriter, type JsonRecord, NOON } from '../helpers/logs.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

async function follow(...args: string[]): Promise<Running> {
  const running = await start(['tail', ...args])
  onTestFinished(() => {
    running.child.kill('SIGKILL')
  })
  return running
}

const lines = (text: string): JsonRecord[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as JsonRecord)

describe('tickforge tail', () => {
  it('prints what is published before it is written, as replay would, and ends in order', async () => {
    const directory = temporaryDirectory()
    const running = await follow(directory, '--from', 'start', '--json', '--type', 'trade')
    const hand = new HandWriter(directory, { flushIntervalMs: 60_000 })
    const number = hand.instrument(NOON, 'binance:BTCUSDT')
    hand
      .trade(NOON, number, 1)
      .quote(NOON, number)
      .trade(NOON + 1n, number, 2)
    await eventually('two trades', () => lines(running.stdout).length === 2)
    expect(hand.journal.watermarks().written).toBe(0n)
    await hand.close()
    running.child.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' })
    const replayed = await tickforge('replay', directory, '--type', 'trade')
    expect(running.stdout).toBe(replayed.stdout)
  })

  it('prints lines for people, of the instruments that were asked for', async () => {
    const directory = temporaryDirectory()
    const hand = new HandWriter(directory)
    const [btc, eth] = [hand.instrument(NOON, 'binance:BTCUSDT'), hand.instrument(NOON, 'binance:ETHUSDT')]
    hand.trade(NOON, btc, 1).trade(NOON, eth, 1234)
    await hand.close()
    const running = await follow(directory, '--from', 'start', '--instrument', 'binance:ETHUSDT', '--type', 'trade')
    await running.prints(/\n/)
    expect(running.stdout).toBe(
      '2024-08-08T12:00:00.000000000Z trade binance:ETHUSDT price=12.34 size=1.234 side=buy trade_id=1234 last,buy\n',
    )
  })

  it('refuses a directory and a place that are not there', async () => {
    const directory = temporaryDirectory()
    expect(await tickforge('tail', `${directory}/none`)).toMatchObject({ code: 4 })
    expect(await tickforge('tail', directory, '--from', '2024-08-08.main.000:1')).toMatchObject({ code: 4 })
    expect(await tickforge('tail', directory, '--from', 'noon')).toMatchObject({ code: 2 })
  })
})
