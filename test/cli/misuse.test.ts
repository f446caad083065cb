// What a person gets who asks for something that cannot be: an exit code of the table, one line that says what happened,
// one that says what to do, and nothing on standard output.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ERRORS, type ErrorCode } from '../../src/errors.ts'
import { Journal } from '../../src/recorder/journal.ts'
import { tickforge } from '../helpers/command-line.ts'
import { damageBlock } from '../helpers/damage.ts'
import { HandWriter, NOON } from '../helpers/logs.ts'
import { sharedDirectory, temporaryDirectory } from '../helpers/temporary.ts'

const root = sharedDirectory()
const [log, foreign, note] = [join(root, 'log'), join(root, 'foreign'), join(root, 'foreign', 'note.txt')]
const empty = join(root, 'empty')

beforeAll(async () => {
  mkdirSync(foreign)
  mkdirSync(empty)
  writeFileSync(note, 'nothing of ours')
  const hand = new HandWriter(log)
  await hand.trade(NOON, hand.instrument(NOON, 'binance:BTCUSDT'), 1).close()
})

/** Arguments, and what the message must name. `@log` and the like stand for the directories above. */
const CASES: [code: ErrorCode, args: string, named: string][] = [
  ['TF_UNKNOWN_VENUE', 'record mtgox:BTCUSD --dir @empty', 'mtgox'],
  ['TF_UNKNOWN_SYMBOL', 'record kraken:btcusd --dir @empty', 'btcusd'],
  ['TF_USAGE', 'record BTCUSDT --dir @empty', 'BTCUSDT'],
  ['TF_USAGE', 'record binance:BTCUSDT --dir @empty --endpoint binance', '--endpoint'],
  ['TF_USAGE', 'record binance:BTCUSDT --dir @empty --endpoint binnance=127.0.0.1:1', 'known venues: binance, '],
  ['TF_USAGE', 'record binance:BTCUSDT --dir @empty --endpoint kraken=127.0.0.1:1', 'nothing of it is recorded'],
  ['TF_USAGE', 'record binance:BTCUSDT --dir @empty --protocol kraken=kraken-v1', 'nothing of it is recorded'],
  ['TF_USAGE', 'record binance:BTCUSDT --dir @empty --protocol binance', '--protocol'],
  ['TF_USAGE', 'simulate --venue binance --silent funding', 'funding'],
  ['TF_UNKNOWN_FORMAT', 'import tardis @note --dir @empty', 'tardis'],
  ['TF_UNKNOWN_FORMAT', 'import hftbacktest @note --dir @empty', 'note.txt'],
  ['TF_NO_FILE', 'import hftbacktest @empty/nothing.gz --dir @empty', 'nothing.gz'],
  ['TF_NO_DIRECTORY', 'ls @empty/nowhere', 'nowhere'],
  ['TF_NO_DIRECTORY', 'verify @note', 'is a file'],
  ['TF_FOREIGN_DIRECTORY', 'ls @foreign', 'foreign'],
  ['TF_FOREIGN_DIRECTORY', 'inspect @note', 'note.txt'],
  ['TF_EMPTY_RANGE', 'inspect @log --block 99', '99'],
  ['TF_BAD_TIME', 'replay @log --from yesterday', 'yesterday'],
  ['TF_BAD_RANGE', 'replay @log --from 2024-08-09 --to 2024-08-08', '2024-08-09'],
  ['TF_UNKNOWN_INSTRUMENT', 'replay @log --instrument binance:BTCUSDT,binance:ETHUSDT', 'binance:ETHUSDT'],
  ['TF_EMPTY_RANGE', 'replay @log --from 2024-08-10', 'the log holds 2024-08-08T'],
  ['TF_EMPTY_RANGE', 'replay @log --to 2024-08-08', 'the log holds 2024-08-08T'],
  ['TF_UNKNOWN_VENUE', 'simulate --venue mtgox', 'mtgox'],
]

describe('the command line', () => {
  it.each(CASES)('ends with the code of %s: tickforge %s', async (code, args, named) => {
    const places: Record<string, string> = { log, foreign, note, empty }
    const ended = await tickforge(
      ...args.split(' ').map((arg) => arg.replace(/^@(\w+)/, (_, name: string) => places[name] as string)),
    )
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: ERRORS[code][0], stdout: '' })
    const [first, second, ...more] = ended.stderr.trimEnd().split('\n')
    expect(first).toMatch(new RegExp(`^tickforge: ${code}: `))
    expect(first).toContain(named)
    expect(second).toBe(`  what to do: ${ERRORS[code][1]}`)
    expect(more).toEqual([])
  })

  it.each([
    ['', 'Usage: tickforge'],
    ['frobnicate', "unknown command 'frobnicate'"],
    ['record binance:BTCUSDT', "required option '--dir <directory>' not specified"],
    ['replay x --speed 0', "'max' or a number from 0.001 to 1000000000 was expected"],
    ['replay x --type trades', "'trades' is none of segment, instrument, connection, trade"],
    ['replay x --instrument ,', 'VENUE:SYMBOL was expected'],
    ['tail x --journal ../y', 'a to z, 0 to 9, _ and -'],
    ['inspect x --block -1', 'a whole number from 0'],
    ['inspect x --limit 0.5', 'a whole number from 1'],
    ['simulate --venue kraken --port 65536', 'a whole number from 0 to 65,535'],
    ['simulate --venue kraken --seed 0x10', 'a whole number from 1'],
    ['simulate --venue kraken --stall-after 0:5', 'a whole number from 1'],
    ['simulate --venue kraken --connections both', 'Allowed choices are merge, separate'],
    ['record binance:BTCUSDT --dir x --channels trade,tade', "'tade' is none of trade, quote, book"],
    ['record binance:BTCUSDT --dir x --ring-mb 15', 'a power of two from 1 to 16384 was expected'],
    ['record binance:BTCUSDT --dir x --ring-mb Infinity', 'a power of two'],
    ['record binance:BTCUSDT --dir x --flush-ms 1e12', 'a number from 0 to 3,600,000'],
    ['record binance:BTCUSDT --dir x --duration 1e3h', 'a duration was expected'],
    ['record binance:BTCUSDT --dir x --duration 9999999d', 'of at most 100 years'],
    ['record binance:BTCUSDT --dir x --silence funding=10s', 'nor one of a channel such as book=30s'],
    ['record binance:BTCUSDT --dir x --silence 0s', "'0s' is no time such as 30s"],
    ['record binance:BTCUSDT --dir x --on-hangup wait', 'Allowed choices are auto, stop, ignore'],
    ['serve --dir x --listen unix:x --max-clients 0.5', 'a whole number from 1 to 1,000,000'],
    ['serve --dir x --listen unix:x --max-frame-kb 5e6', 'a number from 1 to 262,144'],
    ['record binance:BTCUSDT --dir x --duration soon', 'a duration was expected'],
    ['record binance:BTCUSDT --dir x --durability often', 'batch, os or an interval such as 50ms was expected'],
    ['record binance:BTCUSDT --dir x --durability 0ms', 'batch, os or an interval such as 50ms was expected'],
    ['serve --listen unix:x', "required option '--dir"],
    ['serve --dir x', "required option '--listen"],
    ['serve --dir x --listen unix:x --idle-s -1', 'a number from 0 to 604,800 was expected'],
    ['serve --dir x --listen unix:x --token secret', "unknown option '--token'"],
    ['ls x --wrong', "unknown option '--wrong'"],
  ])('explains itself and ends with 2: tickforge %s', async (args, said) => {
    const ended = await tickforge(...args.split(' ').filter((arg) => arg !== ''))
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: '' })
    expect(ended.stderr).toContain(said)
    expect(ended.stderr).toMatch(/Usage: tickforge|what to do: see `tickforge (\w+ )?--help`/)
  })

  it('refuses a directory that is being recorded into, and names it', async () => {
    const directory = temporaryDirectory()
    const journal = new Journal({ directory, name: 'main' })
    const ended = await tickforge('record', 'binance:BTCUSDT', '--dir', directory)
    expect(ended.code).toBe(5)
    expect(ended.stderr).toContain('TF_LOCKED')
    expect(ended.stderr).toContain(directory)
    await journal.close()
  })

  it('refuses a port that is taken', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const ended = await tickforge('simulate', '--venue', 'binance', '--port', String(port))
    server.close()
    expect(ended.code).toBe(9)
    expect(ended.stderr).toContain(`TF_PORT_IN_USE: port ${port}`)
  })

  it('ends verify with 8 when something is wrong, and tells what', async () => {
    const directory = temporaryDirectory()
    const hand = new HandWriter(directory)
    const number = hand.instrument(NOON, 'binance:BTCUSDT')
    for (let i = 0; i < 3; i++) await hand.trade(NOON + BigInt(i), number, i).journal.flush()
    await hand.close()
    damageBlock(directory, 1, 'payload')
    const ended = await tickforge('verify', directory)
    expect(ended.code).toBe(8)
    expect(ended.stdout).toContain('1 corrupt')
    expect(ended.stdout).toContain('NOT in order')
    expect(ended.stderr).toContain('TF_VERIFY_FAILED')
    const replay = await tickforge('replay', directory, '--type', 'gap')
    expect(replay).toMatchObject({ code: 0, stderr: expect.stringContaining('cannot be read (TF_CORRUPT') })
    expect(JSON.parse(replay.stdout)).toMatchObject({ type: 'gap', cause: 'corrupt_block' })
  })

  it('has its codes in the table of docs/OPERATING.md, and no others', () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/OPERATING.md'), 'utf8')
    const rows = [...text.matchAll(/^\| `(TF_[A-Z_]+)` \| (\d+) \|/gm)].map(([, code, exit]) => [code, Number(exit)])
    const table = Object.entries(ERRORS).map(([code, [exit]]) => [code, exit])
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(table))
    expect(rows).toHaveLength(table.length)
  })
})
