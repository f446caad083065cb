// The client against a server that is scripted byte by byte, as docs/PROTOCOL.md says.
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parseAddress } from '../../src/client/address.ts'
import { Client, type ClientOptions } from '../../src/client/client.ts'
import { loadNative } from '../../src/native/binding.ts'
import * as L from '../../src/records/layout.ts'
import { codeThrown } from '../helpers/error-codes.ts'
import { eventually } from '../helpers/eventually.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const { crc32c } = loadNative()
const PAYLOAD_MAX = 64 * 1024

const answer = (kind: number, batch: number, code = 0, rest = Buffer.alloc(0), level = 0): Buffer => {
  const header = Buffer.alloc(16)
  header.writeUInt16LE(16 + rest.length, 0)
  header.writeUInt8(kind, 2)
  header.writeUInt8(level, 3)
  header.writeUInt16LE(code, 4)
  header.writeBigUInt64LE(BigInt(batch), 8)
  return Buffer.concat([header, rest])
}
const acknowledged = (batch: number): Buffer => answer(2, batch, 0, undefined, 3)
const refused = (batch: number, code: number, text: string): Buffer => answer(3, batch, code, Buffer.from(text))
const error = (code: number, text: string): Buffer => answer(4, 0, code, Buffer.from(text))
function welcome(idleMs = 0): Buffer {
  const rest = Buffer.alloc(24)
  rest.writeUInt16LE(1, 0)
  rest.writeUInt32LE(PAYLOAD_MAX, 4)
  rest.writeUInt32LE(idleMs, 8)
  rest.writeUInt32LE(1000, 12)
  rest.writeUInt32LE(100, 16)
  return answer(1, 0, 0, rest)
}

interface Batch {
  number: number
  cells: Buffer
}

/** One client's connection as the server sees it. Checks every CRC. */
class Peer {
  readonly socket: Socket
  hello: { level: number; token: string } | undefined
  batches: Batch[] = []
  #bytes: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes])
      this.#read()
    })
    socket.on('error', () => undefined)
    socket.on('end', () => socket.end())
  }

  #read(): void {
    if (this.hello === undefined) {
      if (this.#bytes.length < 16) return
      const header = this.#bytes.subarray(0, 16)
      expect(header.subarray(0, 6).toString('hex')).toBe('894643310100')
      expect(header.readUInt32LE(12)).toBe(crc32c(header.subarray(0, 12)))
      const end = 16 + header.readUInt16LE(8)
      if (this.#bytes.length < end) return
      this.hello = { level: header.readUInt8(6), token: this.#bytes.toString('utf8', 16, end) }
      this.#bytes = this.#bytes.subarray(end)
    }
    while (this.#bytes.length >= 24) {
      const header = this.#bytes.subarray(0, 24)
      expect(header.readUInt32LE(20)).toBe(crc32c(header.subarray(0, 20)))
      const end = 24 + header.readUInt32LE(8)
      if (this.#bytes.length < end) return
      const cells = this.#bytes.subarray(24, end)
      expect(header.readUInt32LE(12)).toBe(crc32c(cells))
      this.batches.push({ number: Number(header.readBigUInt64LE(0)), cells })
      this.#bytes = this.#bytes.subarray(end)
    }
  }
}

/** A server that answers every hello with `greeting`. */
async function server(greeting: Buffer | undefined): Promise<{ address: string; peers: Peer[] }> {
  const peers: Peer[] = []
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    peers.push(new Peer(socket))
    if (greeting !== undefined) socket.write(greeting)
  })
  const path = join(temporaryDirectory(), 's')
  await new Promise<void>((resolve) => listener.listen(path, resolve))
  onTestFinished(() => {
    for (const { socket } of peers) socket.destroy()
    listener.close()
  })
  return { address: `unix:${path}`, peers }
}

async function connected(options: ClientOptions = {}, greeting = welcome()): Promise<{ client: Client; peer: Peer }> {
  const { address, peers } = await server(greeting)
  const client = await Client.connect(address, options)
  onTestFinished(() => client.close())
  const peer = peers[0] as Peer
  await eventually('the hello', () => peer.hello !== undefined)
  return { client, peer }
}

const TRADE = { instrument: 1, price: 2816547n, size: 5n, tradeId: 7n, tsEvent: 5n, side: 'sell' } as const

describe('an address', () => {
  it('is a Unix socket or a host and a port', () => {
    expect(parseAddress('unix:/run/t.sock')).toEqual({ path: '/run/t.sock' })
    expect(parseAddress('tcp:127.0.0.1:9009')).toEqual({ host: '127.0.0.1', port: 9009 })
    expect(parseAddress('tcp:[::1]:9009')).toEqual({ host: '::1', port: 9009 })
    for (const text of ['', 'unix:', '127.0.0.1:9009', 'tcp:127.0.0.1', 'tcp:127.0.0.1:70000', 'tcp:a:b:1'])
      expect(codeThrown(() => parseAddress(text))).toBe('TF_USAGE')
  })
})

describe('a client', () => {
  it('names its level and its token first', async () => {
    expect((await connected()).peer.hello).toEqual({ level: 3, token: '' })
    expect((await connected({ level: 'written', token: 'sésame' })).peer.hello).toEqual({ level: 2, token: 'sésame' })
  })

  it('sends what was written as one batch, with numbers of its own', async () => {
    const { client, peer } = await connected()
    const definition = { priceDecimals: 2, sizeDecimals: 3 }
    expect(client.instrument('demo', 'A', definition)).toBe(1)
    expect(client.instrument('demo', 'B', definition)).toBe(2)
    expect(client.instrument('demo', 'A', definition)).toBe(1)
    const connection = client.open('demo', 'wss://demo')
    client.trade({ tsRecv: -2n, connection }, TRADE)
    expect(client.gatheredBytes).toBe(64 * 7)
    expect(await client.send()).toBe(1)
    expect([await client.send(), client.gatheredBytes]).toEqual([1, 0])
    client.trade({ tsRecv: 1n }, TRADE)
    expect(await client.send()).toBe(2)
    await eventually('both', () => peer.batches.length === 2)
    const [first, second] = peer.batches as [Batch, Batch]
    expect([first.cells.length, second.cells.length]).toEqual([64 * 7, 64])
    const trade = first.cells.subarray(64 * 6)
    expect(trade.readUInt8(L.HEAD_TYPE)).toBe(L.RecordType.trade)
    expect(trade.readBigInt64LE(L.HEAD_TS_RECV)).toBe(-2n)
    expect(trade.readBigInt64LE(L.HEAD_TS_EVENT)).toBe(5n)
    // The open record was the connection's frame 1.
    expect(trade.readBigUInt64LE(L.HEAD_FRAME)).toBe((BigInt(connection) << 48n) | 2n)
    expect(trade.readBigInt64LE(L.TRADE_PRICE)).toBe(2816547n)
    expect(second.cells.readBigUInt64LE(L.HEAD_FRAME)).toBe(0n)
  })

  it('gives a changed definition a new number', async () => {
    const { client } = await connected()
    expect(client.instrument('demo', 'A', { priceDecimals: 2 })).toBe(1)
    expect(client.instrument('demo', 'A', { priceDecimals: 3 })).toBe(2)
  })

  it('waits for the acknowledgement of a batch, not for that of an earlier one', async () => {
    const { client, peer } = await connected()
    for (let i = 0; i < 3; i++) {
      client.trade({ tsRecv: 1n }, TRADE)
      await client.send()
    }
    const reached: number[] = []
    const waits = [3, 1, 2].map((batch) => client.acknowledged(batch).then(() => reached.push(batch)))
    peer.socket.write(acknowledged(1))
    await waits[1]
    expect(reached).toEqual([1])
    peer.socket.write(acknowledged(3))
    await Promise.all(waits)
    expect(client.acknowledgedBatch).toBe(3)
    await client.acknowledged(2)
  })

  it('understands answers that come in pieces, and passes over those that it does not know', async () => {
    const { client, peer } = await connected()
    client.trade({ tsRecv: 1n }, TRADE)
    await client.send()
    const bytes = Buffer.concat([answer(77, 9, 0, Buffer.from('of a later version')), acknowledged(1)])
    const done = client.acknowledged()
    for (const byte of bytes) {
      peer.socket.write(Buffer.from([byte]))
      await new Promise(setImmediate)
    }
    await done
  })

  it('tells once of each batch that was refused, and goes on', async () => {
    const { client, peer } = await connected()
    for (let i = 0; i < 2; i++) {
      client.trade({ tsRecv: 1n }, TRADE)
      await client.send()
    }
    peer.socket.write(Buffer.concat([refused(1, 103, 'instrument 1 is not defined'), acknowledged(2)]))
    await expect(client.acknowledged()).rejects.toMatchObject({
      code: 'TF_REFUSED',
      message: expect.stringContaining('batch 1: instrument 1 is not defined (code 103)'),
    })
    await client.acknowledged()
  })

  it('takes back what a message that cannot be written has so far', async () => {
    const { client } = await connected()
    const fill = (): never => {
      throw new Error('of the caller')
    }
    expect(() => client.frame({ tsRecv: 1n }, fill)).toThrow('of the caller')
    expect(client.gatheredBytes).toBe(0)
    expect(codeThrown(() => client.trade({ tsRecv: 1n, connection: 5 }, TRADE))).toBe('TF_USAGE')
  })

  it('does not send what the server would not take', async () => {
    const { client, peer } = await connected()
    for (let i = 0; i <= PAYLOAD_MAX / 64; i++) client.trade({ tsRecv: 1n }, TRADE)
    await expect(client.send()).rejects.toMatchObject({ code: 'TF_BATCH_TOO_LARGE' })
    expect(peer.batches).toEqual([])
  })

  it('is held up by a server that does not read, and goes on when it does', async () => {
    const { client, peer } = await connected()
    peer.socket.pause()
    let batches = 0
    let heldUp = false
    while (!heldUp && batches < 2000) {
      for (let i = 0; i < PAYLOAD_MAX / 64; i++) client.trade({ tsRecv: 1n }, TRADE)
      batches++
      const sent = client.send().then(() => false)
      heldUp = await Promise.race([sent, new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 50))])
    }
    expect(heldUp).toBe(true)
    peer.socket.resume()
    await eventually('all of it', () => peer.batches.length === batches)
    client.trade({ tsRecv: 1n }, TRADE)
    await client.send()
    await eventually('one more', () => peer.batches.length === batches + 1)
  })

  it('gives a sign of life before the server loses patience', async () => {
    const { peer } = await connected({}, welcome(60))
    await eventually('two of them', () => peer.batches.length >= 2)
    expect(peer.batches.map(({ cells }) => cells.length)).toContain(0)
    expect(new Set(peer.batches.map(({ number }) => number)).size).toBe(peer.batches.length)
  })

  it('knows which batches were not acknowledged when the server is lost', async () => {
    const { client, peer } = await connected()
    for (let i = 0; i < 3; i++) {
      client.trade({ tsRecv: 1n }, TRADE)
      await client.send()
    }
    peer.socket.write(acknowledged(1))
    await client.acknowledged(1)
    const waits = client.acknowledged(3)
    peer.socket.destroy()
    const lost = { code: 'TF_DISCONNECTED', message: expect.stringContaining('batches 2 to 3 were not acknowledged') }
    await expect(waits).rejects.toMatchObject(lost)
    await expect(client.acknowledged(2)).rejects.toMatchObject(lost)
    await expect(client.send()).rejects.toMatchObject(lost)
    await client.acknowledged(1)
    await client.close()
  })

  it('hands over the reason of a server that ends the connection', async () => {
    const { client, peer } = await connected()
    client.trade({ tsRecv: 1n }, TRADE)
    await client.send()
    const waits = client.acknowledged()
    peer.socket.end(error(9, 'the server stops'))
    await expect(waits).rejects.toMatchObject({
      code: 'TF_REFUSED',
      message: expect.stringContaining('the server stops'),
    })
  })

  it('is gone at once when it is destroyed, whatever the server does', async () => {
    const { client, peer } = await connected()
    peer.socket.pause()
    for (let i = 0; i < 100; i++) {
      for (let n = 0; n < PAYLOAD_MAX / 64; n++) client.trade({ tsRecv: 1n }, TRADE)
      client.send().catch(() => undefined)
    }
    const waits = client.acknowledged()
    client.destroy()
    await expect(waits).rejects.toMatchObject({ code: 'TF_DISCONNECTED' })
  })

  it('ends its side only behind what it sent', async () => {
    const { client, peer } = await connected({ level: 'none' })
    client.trade({ tsRecv: 1n }, TRADE)
    await client.send()
    await expect(client.acknowledged()).rejects.toMatchObject({ code: 'TF_USAGE' })
    await client.close()
    expect(peer.batches).toHaveLength(1)
    await expect(client.send()).rejects.toMatchObject({ code: 'TF_DISCONNECTED' })
  })
})

describe('connecting', () => {
  it('fails where nobody listens, where nobody answers, and where the answer is something else', async () => {
    const nobody = `unix:${join(temporaryDirectory(), 's')}`
    await expect(Client.connect(nobody)).rejects.toMatchObject({ code: 'TF_CONNECT' })
    const silent = await server(undefined)
    await expect(Client.connect(silent.address, { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'TF_CONNECT',
      message: expect.stringContaining('no welcome within 20 ms'),
    })
    const other = await server(Buffer.alloc(16))
    await expect(Client.connect(other.address)).rejects.toMatchObject({
      code: 'TF_CONNECT',
      message: expect.stringContaining('does not speak the protocol'),
    })
  })

  it('fails with the reason of a server that does not want the client', async () => {
    const { address } = await server(error(3, 'the token is not that of the server'))
    await expect(Client.connect(address)).rejects.toMatchObject({
      code: 'TF_REFUSED',
      message: expect.stringContaining('the token is not that of the server (code 3)'),
    })
  })

  it('refuses a token that no server takes', async () => {
    await expect(Client.connect('unix:/nowhere', { token: 'x'.repeat(2000) })).rejects.toMatchObject({
      code: 'TF_USAGE',
    })
  })
})
