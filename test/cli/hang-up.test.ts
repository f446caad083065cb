// A terminal that hangs up, a pipe of another user, and a reader that does not read.
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ROOT } from '../../scripts/lib/paths.mjs'
import { HandWriter, NOON } from '../helpers/logs.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const OUTLET = pathToFileURL(`${ROOT}/dist/cli/outlet.js`).href
const PRELUDE = `import { openSync, writeFileSync } from 'node:fs'
const { leaveTerminals, MessageOutlet, Outlet } = await import('${OUTLET}')
const say = (text) => new Promise((resolve) => { messages.message(text); setTimeout(resolve, 20) })
let messages
`

/** Runs a program on a terminal that is gone once the file `ready` is there, and prints how it ended. */
const ON_A_TERMINAL = `import os, subprocess, sys, time
master, slave = os.openpty()
child = subprocess.Popen(sys.argv[2:], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
os.close(slave)
while not os.path.exists(sys.argv[1]): time.sleep(0.01)
os.close(master)
open(sys.argv[1] + '.gone', 'w').close()
print(child.wait())
`

describe('messages', () => {
  it('to a terminal that hung up are counted, never reach a file that was opened since, and end no process', () => {
    const directory = temporaryDirectory()
    const [ready, segment, result] = ['ready', 'segment', 'result'].map((name) => join(directory, name))
    const script = `${PRELUDE}import { existsSync } from 'node:fs'
process.on('SIGHUP', () => {})
messages = new MessageOutlet(new Outlet(2))
writeFileSync('${ready}', '')
while (!existsSync('${ready}.gone')) await new Promise((resolve) => setTimeout(resolve, 10))
await say('one\\n')
openSync('${segment}', 'w')
await say('two\\n')
await say('three\\n')
writeFileSync('${result}', String(messages.lost))
leaveTerminals()
process.exit(7)`
    const args = ['-c', ON_A_TERMINAL, ready as string, process.execPath, '--input-type=module', '-e', script]
    expect(execFileSync('python3', args, { encoding: 'utf8' }).trim()).toBe('7')
    expect(readFileSync(segment as string, 'utf8')).toBe('')
    expect(readFileSync(result as string, 'utf8')).toBe('3')
  })
})

describe('a pipe of another user', () => {
  it('neither blocks a writer nor passes for one without a reader', (context) => {
    if (process.getuid?.() !== 0) context.skip('only root can start a process of another user')
    const directory = temporaryDirectory()
    const pipe = join(directory, 'pipe')
    execFileSync('mkfifo', ['-m', '600', pipe])
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    const writer = openSync(pipe, constants.O_WRONLY)
    onTestFinished(() => {
      for (const fd of [reader, writer]) closeSync(fd)
    })
    // Root first, so that the program can be read; then nobody, whom the pipe does not belong to.
    const script = `${PRELUDE}process.setgroups([]); process.setgid(65534); process.setuid(65534)
let code = 0
const out = new Outlet(1)
out.onceClosed(() => { code = 1 })
messages = new MessageOutlet(out)
for (let i = 0; i < 300; i++) messages.message('x'.repeat(1000))
setTimeout(() => process.exit(messages.lost > 0 ? code : 2), 1200)`
    const stdio = ['ignore', writer, 'inherit'] as const
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { stdio: [...stdio], timeout: 60_000 })
  })
})

describe('tickforge tail', () => {
  it('ends at a signal although its reader does not read', async () => {
    const directory = temporaryDirectory()
    const hand = new HandWriter(directory)
    const number = hand.instrument(NOON, 'binance:BTCUSDT')
    for (let i = 1; i <= 5000; i++) hand.trade(NOON + BigInt(i), number, i)
    await hand.close()
    const program = [`${ROOT}/bin/tickforge.mjs`, 'tail', directory, '--from', 'start', '--json']
    const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    // The first bytes are there, and the rest is not taken.
    await new Promise<void>((resolve) => child.stdout.once('readable', resolve))
    const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve([code, signal])))
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  })
})
