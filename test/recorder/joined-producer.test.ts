// A second producer of a journal. Where it makes no difference to it, in the recorder's own process.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { verify } from '../../src/log/verify.ts'
import { JoinedProducer } from '../../src/recorder/joined-producer.ts'
import { Journal } from '../../src/recorder/journal.ts'
import { eventually } from '../helpers/eventually.ts'
import { readAll } from '../helpers/logs.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const BUILT = fileURLToPath(new URL('../../dist/recorder/joined-producer.js', import.meta.url))
const BUILT_JOURNAL = fileURLToPath(new URL('../../dist/recorder/journal.js', import.meta.url))

/** A program that publishes `count` text records and goes on as `then` says. */
const program = (directory: string, count: number, then: string): string[] => [
  '--input-type=module',
  '--eval',
  `import { JoinedProducer } from ${JSON.stringify(BUILT)}
   const producer = new JoinedProducer({ directory: ${JSON.stringify(directory)}, ringBytes: 1 << 20 })
   const connection = producer.nextConnection()
   for (let i = 0; i < ${count}; i++) {
     producer.frame({ low: i, high: 401200000 }, connection, i + 1, (writer) => {
       const record = writer.begin(9, 1, 0x80, 0, 0, -2147483648)
       writer.putNoId(record, 48)
     })
   }
   ${then}`,
]

/** A recorder that does nothing but live, until it is killed. */
async function recorderIn(directory: string): Promise<ChildProcess> {
  const recorder = spawn(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { Journal } from ${JSON.stringify(BUILT_JOURNAL)}
     globalThis.journal = new Journal({ directory: ${JSON.stringify(directory)}, name: 'main', ringBytes: 1 << 20 })
     console.log(1)
     setInterval(() => {}, 1000)`,
  ])
  await once(recorder.stdout, 'data')
  return recorder
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

const journalIn = (directory: string): Journal => new Journal({ directory, name: 'main', ringBytes: 1 << 20 })

describe('a producer that joins the journal of another process', () => {
  it('is told when nobody records there', () => {
    const directory = temporaryDirectory()
    expect(() => new JoinedProducer({ directory })).toThrow(expect.objectContaining({ code: 'TF_NOT_RECORDING' }))
    expect(() => new JoinedProducer({ directory: `${directory}/missing` })).toThrow(
      expect.objectContaining({ code: 'TF_NO_DIRECTORY' }),
    )
  })

  it('is told when the recorder has stopped, also while it waits for its records to be durable', async () => {
    const directory = temporaryDirectory()
    const journal = journalIn(directory)
    const producer = new JoinedProducer({ directory, ringBytes: 1 << 20 })
    await journal.close()
    expect(() => producer.check()).toThrow(expect.objectContaining({ code: 'TF_NOT_RECORDING' }))
    expect(() => new JoinedProducer({ directory })).toThrow(expect.objectContaining({ code: 'TF_NOT_RECORDING' }))
    producer.close()
  })

  it.each(['block', 'drop'] as const)('is told when the recorder is killed (%s)', async (whenFull) => {
    const directory = temporaryDirectory()
    const recorder = await recorderIn(directory)
    const producer = new JoinedProducer({ directory, ringBytes: 1 << 20, whenFull })
    await kill(recorder)
    const write = (frame: number) =>
      producer.frame({ low: frame, high: 401_200_000 }, 1, frame, (writer) => {
        writer.putNoId(writer.begin(9, 1, 0x80, 0, 0, -2_147_483_648), 48)
      })
    write(1)
    await expect(producer.durable()).rejects.toThrow(expect.objectContaining({ code: 'TF_NOT_RECORDING' }))
    const fillTheRing = () => {
      for (let frame = 2; frame < 20_000; frame++) write(frame)
    }
    expect(fillTheRing).toThrow(expect.objectContaining({ code: 'TF_NOT_RECORDING' }))
    producer.close()
  })

  it('has what it published recorded and made durable beside that of the recorder', async () => {
    const directory = temporaryDirectory()
    const journal = journalIn(directory)
    execFileSync(process.execPath, program(directory, 40_000, 'await producer.durable(); producer.close()'))
    // The producer's own mark is told first, the recorder's count in the same pass of its writer.
    await eventually('the recorder to count them', () => journal.watermarks().durable === 40_000n)
    await journal.close()
    const frames = readAll(directory, { types: ['text'] }).map(({ frame }) => frame)
    expect(frames).toEqual(Array.from({ length: 40_000 }, (_, i) => i + 1))
    expect(verify(directory)).toMatchObject({ ok: true, drops: 0, gaps: 0 })
  })

  it('loses nothing that it published when it is killed, and frees its place', async () => {
    const directory = temporaryDirectory()
    const journal = journalIn(directory)
    const child = spawn(
      process.execPath,
      program(directory, 1000, 'producer.publish(); console.log(1); setInterval(() => {}, 1000)'),
    )
    await once(child.stdout, 'data')
    await kill(child)
    await eventually('all of it to be taken over', () => journal.watermarks().durable === 1000n)
    await journal.close()
    expect(readAll(directory, { types: ['text'] })).toHaveLength(1000)
  })

  it('gets numbers of instruments and connections that no other producer has', () => {
    const directory = temporaryDirectory()
    const journal = journalIn(directory)
    const producer = new JoinedProducer({ directory, ringBytes: 1 << 20 })
    const numbers = [journal.nextInstrument(), producer.nextInstrument(), journal.nextInstrument()]
    expect(new Set(numbers).size).toBe(3)
    const connections = [journal.nextConnection(), producer.nextConnection()]
    expect(new Set(connections).size).toBe(2)
    for (const connection of connections) expect(connection).toBeGreaterThan(0)
    producer.close()
  })
})
