import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadNative, type NativeJournal, type NativeServer, type ServerOptions } from '../../src/native/binding.ts'

let dir: string
let journal: NativeJournal
const OPTIONS: ServerOptions = {
  listen: ['tcp:127.0.0.1:0'],
  token: '',
  maxClients: 10,
  maxFrameBytes: 65_536,
  idleMs: 0,
  ringBytes: 1 << 20,
  mapping: '',
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tickforge-'))
  journal = loadNative().openJournal({
    directory: dir,
    name: 'main',
    ringBytes: 1 << 20,
    flushIntervalMs: 20,
    durability: 'batch',
    waitsForDisk: false,
    newPart: false,
    writer: 'test',
  })
})

afterEach(async () => {
  await journal.close()
  rmSync(dir, { recursive: true })
})

/** Resolves with all that the server says until it closes. */
function talk(socket: Socket, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    socket.on('data', (part) => parts.push(part))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(parts)))
    socket.write(bytes)
  })
}

describe('NativeServer', () => {
  it('says which port was chosen, counts who is refused and why, and ends', async () => {
    const server = journal.startServer({ ...OPTIONS, token: 'secret' })
    const [address] = server.addresses
    expect(address).toMatch(/^tcp:127\.0\.0\.1:[1-9]\d*$/)
    const socket = connect(Number(address?.split(':')[2]), '127.0.0.1')
    const hello = Buffer.from('894643310100030000000000', 'hex')
    const crc = Buffer.alloc(4)
    crc.writeUInt32LE(loadNative().crc32c(hello))
    const answer = await talk(socket, Buffer.concat([hello, crc]))
    expect(answer.readUInt8(2)).toBe(4)
    expect(answer.readUInt16LE(4)).toBe(3)
    expect(answer.subarray(16).toString()).toContain('token')
    const stats = server.stats()
    expect(stats.clientsTotal).toBe(1n)
    expect(stats.refused.token).toBe(1n)
    expect(stats.bytes).toBe(16n)
    await server.close()
    await server.close()
  })

  it('replaces a stale socket file, takes its own away at the end, and leaves foreign files alone', async () => {
    const path = join(dir, 'ingest.sock')
    const server = journal.startServer({ ...OPTIONS, listen: [`unix:${path}`] })
    expect(server.addresses).toEqual([`unix:${path}`])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(() => journal.startServer({ ...OPTIONS, listen: [`unix:${path}`] })).toThrow(
      expect.objectContaining({ code: 'TF_LISTEN', message: expect.stringContaining(path) }),
    )
    await server.close()
    expect(existsSync(path)).toBe(false)
    writeFileSync(path, 'precious')
    expect(() => journal.startServer({ ...OPTIONS, listen: [`unix:${path}`] })).toThrow(
      expect.objectContaining({ code: 'TF_LISTEN' }),
    )
  })

  it('refuses an address that others can reach when there is no token', () => {
    for (const address of ['tcp:0.0.0.0:0', 'tcp:[::]:0', 'tcp:*:0']) {
      expect(() => journal.startServer({ ...OPTIONS, listen: [address] })).toThrow(
        expect.objectContaining({ code: 'TF_INSECURE_LISTEN', message: expect.stringContaining(address) }),
      )
    }
  })

  it('refuses a token that is blank, and on an address that others can reach one of less than 16 bytes', async () => {
    for (const token of [' ', '\t\n', ' '.repeat(20)]) {
      expect(() => journal.startServer({ ...OPTIONS, token })).toThrow(/the token is blank/)
    }
    const open = (listen: string, token: string): NativeServer =>
      journal.startServer({ ...OPTIONS, listen: [listen], token })
    for (const address of ['tcp:0.0.0.0:0', 'tcp:[::]:0', 'tcp:*:0']) {
      expect(() => open(address, 'x'.repeat(15))).toThrow(expect.objectContaining({ code: 'TF_INSECURE_LISTEN' }))
    }
    for (const [address, token] of [
      ['tcp:0.0.0.0:0', 'x'.repeat(16)],
      ['tcp:127.0.0.1:0', 'x'],
      [`unix:${join(dir, 'short.sock')}`, 'x'],
    ] as const) {
      await open(address, token).close()
    }
  })

  it('refuses options that make no sense by their name', () => {
    const wrong = (change: object): (() => unknown) => {
      return () => journal.startServer({ ...OPTIONS, ...change } as ServerOptions)
    }
    expect(wrong({ listen: 'tcp:127.0.0.1:0' })).toThrow(/listen must be an array/)
    expect(wrong({ listen: [] })).toThrow(expect.objectContaining({ code: 'TF_USAGE' }))
    expect(wrong({ listen: ['http://x'] })).toThrow(expect.objectContaining({ code: 'TF_USAGE' }))
    expect(wrong({ listen: ['tcp:127.0.0.1:99999'] })).toThrow(expect.objectContaining({ code: 'TF_USAGE' }))
    expect(wrong({ ringBytes: 1_500_000 })).toThrow(/ringBytes must be a power of two/)
    expect(wrong({ maxFrameBytes: 1 << 20 })).toThrow(/ring of at least/)
    expect(wrong({ idleMs: -1 })).toThrow(/idleMs/)
  })

  it('ends its clients when the journal is closed before it', async () => {
    const server = journal.startServer(OPTIONS)
    const socket = connect(Number(server.addresses[0]?.split(':')[2]), '127.0.0.1')
    await new Promise((resolve) => socket.on('connect', resolve))
    const ended = new Promise((resolve) => socket.on('close', resolve))
    socket.resume()
    await journal.close()
    await ended
    await server.close()
  })
})
