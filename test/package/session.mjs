// A small session by the package alone: an exchange server, a recorder, and all that reads what it wrote. Run in a project
// that has tickforge installed; prints one line of JSON.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { formatTime, openLog, Recorder, verify } from 'tickforge'

const tickforge = 'node_modules/.bin/tickforge'
const command = (...args) => execFileSync(tickforge, args, { encoding: 'utf8' })

const exchange = spawn(tickforge, ['simulate', '--venue', 'binance', '--port', '0', '--seed', '7', '--json'], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const onExit = (code, signal) => {
  throw new Error(`the exchange server ended with ${code ?? signal}`)
}
exchange.once('exit', onExit)
const [text] = await once(exchange.stdout.setEncoding('utf8'), 'data')
const { endpoints } = JSON.parse(text)
try {
  const recorder = new Recorder({
    directory: 'data',
    instruments: ['binance:BTCUSDT'],
    endpoints: { binance: endpoints },
  })
  await recorder.start()
  while (recorder.status().watermarks.durable < 200n) await new Promise((resolve) => setTimeout(resolve, 20))
  await recorder.stop()
} finally {
  exchange.off('exit', onExit).kill()
}

const log = await openLog('data')
let replayed = 0
for await (const batch of log.replay()) for (const record of batch) replayed += record.type === 'trade' ? 1 : 0
command('export', 'data', '--type', 'trade', '--format', 'csv', '--out', 'trades.csv')
process.stdout.write(
  JSON.stringify({
    node: process.versions.node,
    ok: (await verify('data')).ok,
    verified: command('verify', 'data').includes('all in order'),
    listed: command('ls', 'data').includes('binance:BTCUSDT'),
    trades: replayed,
    rows: readFileSync('trades.csv', 'utf8').trimEnd().split('\n').length - 1,
    time: formatTime(0n),
  }),
)
