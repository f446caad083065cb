// A second producer of a journal; here in the recorder's own process, which makes no difference to it.
import { describe, expect, it } from 'vitest'
import { JoinedProducer } from '../../src/recorder/joined-producer.ts'
import { Journal } from '../../src/recorder/journal.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

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
