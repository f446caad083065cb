// Standard streams that fail, and signals: what they cost a recorder, and what they do not.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { ROOT } from '../../scripts/lib/paths.mjs'
import { type Running, start, tickforge } from '../helpers/command-line.ts'
import { eventually } from '../helpers/eventually.ts'
import { HandWriter, NOON } from '../helpers/logs.ts'
import { sharedDirectory, temporaryDirectory } from '../helpers/temporary.ts'

const log = join(sharedDirectory(), 'log')
const PROGRAM = `${ROOT}/bin/tickforge.mjs`

beforeAll(async () => {
  const hand = new HandWriter(log)
  await hand.trade(NOON, hand.instrument(NOON, 'binance:BTCUSDT'), 1).close()
})

/** A venue whose connections end again and again, so that there is always something to say. */
async function restlessVenue(): Promise<string> {
  const running: Running = await start(
    'simulate --venue binance --symbols BTCUSDT --rate 500 --close-after 50 --json'.split(' '),
  )
  onTestFinished(() => {
    running.child.kill('SIGKILL')
  })
  return `binance=127.0.0.1:${(await running.prints(/"port":(\d+)/))[1]}`
}

type Stdio = 'ignore' | 'pipe' | number

interface Recording {
  child: ChildProcess
  directory: string
  ended: Promise<[code: number | null, signal: NodeJS.Signals | null]>
}

async function record(stderr: Stdio, program: readonly string[] = [process.execPath], env = {}): Promise<Recording> {
  const directory = temporaryDirectory()
  const endpoint = await restlessVenue()
  const args = [...program.slice(1), PROGRAM, 'record', 'binance:BTCUSDT', '--dir', directory, '--endpoint', endpoint]
  const child = spawn(program[0] as string, args, {
    stdio: ['ignore', 'ignore', stderr],
    env: { ...process.env, _: '', ...env },
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.on('exit', (code, signal) => resolve([code, signal]))
  })
  return { child, directory, ended }
}

/** Words of the control page. */
function control(directory: string): { state: number; written: bigint } {
  const page = join(directory, 'main.tfc')
  if (!existsSync(page)) return { state: -1, written: 0n }
  const bytes = readFileSync(page)
  return { state: bytes.readUInt32LE(20), written: bytes.readBigUInt64LE(72) }
}

/** Waits until records were written after now, several times: connections have ended meanwhile. */
async function goesOn({ directory }: Recording): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const { written } = control(directory)
    await eventually('more records', () => control(directory).written > written + 100n)
  }
}

async function stops(recording: Recording, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  recording.child.kill(signal)
  expect(await recording.ended).toEqual([0, null])
  expect(control(recording.directory).state).toBe(0)
}

describe('a recorder', () => {
  it('goes on when whoever reads its messages is gone', async () => {
    const recording = await record('pipe')
    recording.child.stderr?.destroy()
    await goesOn(recording)
    await stops(recording)
  })

  it('goes on when its messages go to a full disk', async (context) => {
    if (!existsSync('/dev/full')) context.skip('this system has no /dev/full')
    const full = openSync('/dev/full', constants.O_WRONLY)
    const recording = await record(full)
    closeSync(full)
    await goesOn(recording)
    await stops(recording)
  })

  it('goes on, and stops in order, when nobody reads its messages and the pipe is full', async () => {
    const pipe = join(mkdtempSync(join(tmpdir(), 'tickforge-test-')), 'pipe')
    execFileSync('mkfifo', [pipe])
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    const writer = openSync(pipe, constants.O_WRONLY)
    const filler = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK)
    onTestFinished(() => {
      for (const fd of [reader, writer, filler]) closeSync(fd)
      execFileSync('rm', ['-r', join(pipe, '..')])
    })
    const recording = await record(writer)
    for (const bytes of [4096, 1]) {
      try {
        for (;;) writeSync(filler, Buffer.alloc(bytes, 'x'))
      } catch (error) {
        expect(error).toMatchObject({ code: 'EAGAIN' })
      }
    }
    await goesOn(recording)
    await stops(recording)
  })

  it('stops in order at SIGHUP', async () => {
    const recording = await record('ignore')
    await eventually('a recording', () => control(recording.directory).written > 0n)
    await stops(recording, 'SIGHUP')
  })

  it.each([
    ['under nohup', { _: '/usr/bin/nohup' }],
    ['when it is told to', { TICKFORGE_ON_HANGUP: 'ignore' }],
  ])('goes on at SIGHUP %s', async (_, env) => {
    const recording = await record('ignore', undefined, env)
    await eventually('a recording', () => control(recording.directory).written > 0n)
    recording.child.kill('SIGHUP')
    await goesOn(recording)
    await stops(recording)
  })

  it('stops in order when the npm that started it is gone, which passes no signal on', async () => {
    const recording = await record('ignore', ['sh', '-c', '"$0" "$@"; :', process.execPath], { npm_command: 'exec' })
    await eventually('a recording', () => control(recording.directory).written > 0n)
    recording.child.kill('SIGKILL')
    await eventually('the end of the recording', () => control(recording.directory).state === 0)
  })
})

describe('standard output', () => {
  it.each([['replay'], ['ls'], ['ls', '--json'], ['verify'], ['inspect'], ['venues'], ['--help'], ['--version']])(
    'on a full disk ends %s with TF_DISK_FULL',
    async (...command) => {
      const place = ['replay', 'ls', 'verify', 'inspect'].includes(command[0] as string) ? [log] : []
      const full = openSync('/dev/full', constants.O_WRONLY)
      const child = spawn(process.execPath, [PROGRAM, ...command, ...place], { stdio: ['ignore', full, 'pipe'] })
      closeSync(full)
      let stderr = ''
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        stderr += text
      })
      const code = await new Promise((resolve) => child.on('close', resolve))
      expect({ code, lines: stderr.trimEnd().split('\n') }).toEqual({
        code: 6,
        lines: [expect.stringMatching(/^tickforge: TF_DISK_FULL: /), expect.stringMatching(/^ {2}what to do: /)],
      })
    },
  )

  it('whose reader has seen enough ends replay quietly', async () => {
    await tickforge('venues')
    const script = `"${process.execPath}" "${PROGRAM}" replay "${log}" | true; echo "\${PIPESTATUS[0]}"`
    expect(execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim()).toBe('0')
  })
})
