// `tickforge serve` as an operator meets it: addresses, tokens, clean stops and refusals.
import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Client } from '../../src/client/client.ts'
import { encodeHello } from '../../src/client/wire.ts'
import { verify } from '../../src/log/verify.ts'
import { type Running, start, tickforge } from '../helpers/command-line.ts'
import { readAll } from '../helpers/logs.ts'
import { smallDisk } from '../helpers/small-disk.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

interface Serving {
  running: Running
  directory: string
  addresses: string[]
}

/** A server on a Unix socket and a port of its own. */
async function serving(...options: string[]): Promise<Serving> {
  const directory = join(temporaryDirectory(), 'data')
  const listen = ['--listen', `unix:${directory}.sock`, '--listen', 'tcp:127.0.0.1:0']
  const running = await start(['serve', '--dir', directory, ...listen, '--json', ...options])
  onTestFinished(() => void running.child.kill('SIGKILL'))
  const [, text] = await running.prints(/\{"listening":(\[.*\])\}/)
  return { running, directory, addresses: JSON.parse(text as string) as string[] }
}

async function stopped({ running }: Serving): Promise<Record<string, unknown>> {
  running.child.kill('SIGTERM')
  const { code, stdout, stderr } = await running.ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) as string) as Record<string, unknown>
}

async function trades(client: Client, from: number, count: number): Promise<void> {
  const instrument = client.instrument('demo', 'A', { priceDecimals: 2, sizeDecimals: 3 })
  const connection = client.open('demo', 'wss://demo')
  for (let i = from; i < from + count; i++) {
    client.trade({ tsRecv: 0n, connection }, { instrument, price: BigInt(i), size: 1n, tradeId: BigInt(i) })
  }
  client.shut(connection)
  await client.send()
  await client.acknowledged()
}

describe('tickforge serve', () => {
  it('records what clients send over both kinds of address, and stops in order', async () => {
    const server = await serving('--durability', '20ms')
    expect(server.addresses[0]).toBe(`unix:${server.directory}.sock`)
    expect(server.addresses[1]).toMatch(/^tcp:127\.0\.0\.1:[1-9]\d*$/)
    for (const [i, address] of server.addresses.entries()) {
      const client = await Client.connect(address)
      await trades(client, i * 1000, 1000)
      await client.close()
    }
    expect(await stopped(server)).toMatchObject({
      clients: '0',
      clientsTotal: '2',
      batches: '2',
      // The same definition of both clients stands in the log once.
      watermarks: { appended: '2005', written: '2005', durable: '2005' },
    })
    expect(existsSync(`${server.directory}.sock`)).toBe(false)
    expect(verify(server.directory)).toMatchObject({ ok: true, gaps: 0, tornTailBytes: 0 })
    const records = readAll(server.directory, { types: ['trade'] })
    expect(records.map(({ trade_id }) => Number(trade_id))).toEqual(Array.from({ length: 2000 }, (_, i) => i))
    expect(records[1234]).toMatchObject({ instrument: 'demo:A', price: '12.34', size: '0.001' })
  })

  it('ends clients that are still there when it stops, and keeps what they sent', async () => {
    const server = await serving('--durability', 'os', '--flush-ms', '60000')
    const client = await Client.connect(server.addresses[0] as string, { level: 'none' })
    onTestFinished(() => client.close())
    const instrument = client.instrument('demo', 'A', {})
    client.open('demo', 'wss://demo')
    client.trade({ tsRecv: 0n }, { instrument, price: 1n, size: 1n })
    await client.send()
    // The server has read it when another client that came later is answered.
    const other = await Client.connect(server.addresses[0] as string)
    await trades(other, 0, 1)
    await other.close()
    await stopped(server)
    await expect(client.send()).rejects.toThrow(/stop|closed/)
    const records = readAll(server.directory)
    expect(records.filter(({ type }) => type === 'trade')).toHaveLength(2)
    // The end of the client's connection to its venue is on record, with what is missing from there on.
    expect(records.map(({ cause }) => cause)).toContain('disconnect')
    expect(verify(server.directory)).toMatchObject({ ok: true })
  })

  it('wants the token of its file, and takes none from the command line', async () => {
    const file = join(temporaryDirectory(), 'token')
    writeFileSync(file, 'sesame\n')
    chmodSync(file, 0o600)
    const server = await serving('--token-file', file)
    for (const address of server.addresses) {
      await expect(Client.connect(address)).rejects.toMatchObject({ code: 'TF_REFUSED' })
      await expect(Client.connect(address, { token: 'sesam' })).rejects.toMatchObject({ code: 'TF_REFUSED' })
      const client = await Client.connect(address, { token: 'sesame' })
      await trades(client, 0, 1)
      await client.close()
    }
    const { refused } = await stopped(server)
    expect(refused).toMatchObject({ token: '4' })
  })

  it('lets no more clients in than it was told, and takes no larger batch', async () => {
    const server = await serving('--max-clients', '1', '--max-frame-kb', '64')
    const address = server.addresses[0] as string
    const client = await Client.connect(address)
    onTestFinished(() => client.close())
    expect(client.limits.payloadBytesMax).toBe(64 * 1024)
    await expect(Client.connect(address)).rejects.toMatchObject({ code: 'TF_CONNECT' })
    await trades(client, 0, 10)
    expect(await stopped(server)).toMatchObject({ clientsTotal: '1', clientsRefused: '1' })
  })

  it('closes a client that is silent for longer than --idle-s', async () => {
    const server = await serving('--idle-s', '0.2')
    const socket = connect(`${server.directory}.sock`)
    socket.write(encodeHello('none', Buffer.alloc(0)))
    socket.resume()
    await new Promise<void>((resolve) => socket.on('close', () => resolve()))
    // The client of this package gives a sign of life in time.
    const client = await Client.connect(server.addresses[0] as string)
    await new Promise((resolve) => setTimeout(resolve, 500))
    await trades(client, 0, 1)
    await client.close()
    await stopped(server)
  })

  it('tells a person where it listens, and what was recorded', async () => {
    const directory = join(temporaryDirectory(), 'data')
    const listen = ['--listen', `unix:${directory}.sock`]
    const ended = await tickforge('serve', '--dir', directory, ...listen, '--duration', '50ms')
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 0, stdout: '' })
    expect(ended.stderr).toBe(
      `tickforge: listening on unix:${directory}.sock\n` +
        'tickforge: 0 clients, 0 batches, 0 lines, 0 records on the disk, 0 refused\n',
    )
  })
})

describe('tickforge serve on a full disk', () => {
  it('holds its clients up, loses nothing, and goes on by itself when there is space', async (context) => {
    const { directory, grow } = smallDisk(context, '2m')
    const socket = join(temporaryDirectory(), 's')
    const listen = ['--listen', `unix:${socket}`, '--ring-mb', '4', '--max-frame-kb', '64']
    const running = await start(['serve', '--dir', directory, ...listen])
    onTestFinished(() => void running.child.kill('SIGKILL'))
    await running.prints(/listening on/)
    await running.prints(/MiB of disk space are missing for the reserve/)
    const client = await Client.connect(`unix:${socket}`)
    onTestFinished(() => client.destroy())
    const instrument = client.instrument('demo', 'A', {})
    let sent = 0
    const send = async (): Promise<void> => {
      while (sent < 150_000) {
        for (let i = 0; i < 500; i++) {
          client.trade({ tsRecv: 0n }, { instrument, price: BigInt(sent), size: 1n, tradeId: BigInt(sent) })
          sent++
        }
        await client.send()
      }
    }
    const sending = send()
    await running.prints(/waiting for disk space, clients wait too/)
    const acknowledged = client.acknowledgedBatch
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(client.acknowledgedBatch).toBe(acknowledged)
    expect(sent).toBeLessThan(150_000)

    grow()
    await sending
    await client.acknowledged()
    await client.close()
    await running.prints(/the disk has space again: nothing was lost/)
    running.child.kill('SIGINT')
    const { code, stderr } = await running.ended
    expect(code, stderr).toBe(0)
    const ids = readAll(directory, { types: ['trade'] }).map(({ trade_id }) => Number(trade_id))
    expect(ids).toHaveLength(sent)
    expect(ids.every((id, i) => id === i)).toBe(true)
    expect(verify(directory)).toMatchObject({ ok: true, gaps: 0, drops: 0 })
  })
})

describe('tickforge serve refuses', () => {
  const attempt = async (options: string[], directory = temporaryDirectory()): Promise<[number | null, string]> => {
    const { code, stderr } = await tickforge('serve', '--dir', directory, ...options)
    return [code, stderr]
  }

  it('a directory that is being recorded into', async () => {
    const { directory } = await serving()
    const [code, stderr] = await attempt(['--listen', `unix:${directory}.2`], directory)
    expect([code, stderr]).toEqual([5, expect.stringContaining('TF_LOCKED')])
  })

  it('an address that is taken, and lets go of the directory', async () => {
    const { addresses } = await serving()
    const directory = temporaryDirectory()
    for (const address of addresses) {
      const [code, stderr] = await attempt(['--listen', address], directory)
      expect([code, stderr]).toEqual([9, expect.stringContaining('TF_LISTEN')])
    }
    expect(readdirSync(directory).filter((name) => name.endsWith('.tfs'))).toEqual([])
    const listen = ['--listen', `unix:${directory}/s`]
    expect((await tickforge('serve', '--dir', directory, ...listen, '--duration', '1ms')).code).toBe(0)
  })

  it('an address that others can reach without a token', async () => {
    const [code, stderr] = await attempt(['--listen', 'tcp:0.0.0.0:0'])
    expect([code, stderr]).toEqual([2, expect.stringContaining('TF_INSECURE_LISTEN')])
  })

  it('an address that is none', async () => {
    const [code, stderr] = await attempt(['--listen', '127.0.0.1:9009'])
    expect([code, stderr]).toEqual([2, expect.stringContaining('127.0.0.1:9009')])
  })

  it('a token file that is not there, or empty', async () => {
    const directory = temporaryDirectory()
    const listen = ['--listen', `unix:${directory}/s`]
    const missing = await attempt([...listen, '--token-file', join(directory, 'none')])
    expect(missing).toEqual([4, expect.stringContaining('TF_NO_FILE')])
    const empty = join(directory, 'empty')
    writeFileSync(empty, '\n')
    expect(statSync(empty).size).toBe(1)
    expect(await attempt([...listen, '--token-file', empty])).toEqual([2, expect.stringContaining('is empty')])
  })
})
