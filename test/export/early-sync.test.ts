import type { FileHandle } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { EarlySync } from '../../src/export/output-file.ts'

/** A handle whose syncs end when the test says so. */
function fakeHandle(): { handle: FileHandle; syncs: { done: () => void; fail: (error: Error) => void }[] } {
  const syncs: { done: () => void; fail: (error: Error) => void }[] = []
  const datasync = (): Promise<void> => new Promise((done, fail) => syncs.push({ done, fail }))
  return { handle: { datasync } as unknown as FileHandle, syncs }
}

describe('a sync while the file grows', () => {
  it('is not started while another one is under way', async () => {
    const { handle, syncs } = fakeHandle()
    const early = new EarlySync(handle)
    early.start()
    early.start()
    expect(syncs).toHaveLength(1)
    syncs[0]?.done()
    await early.end()
    early.start()
    expect(syncs).toHaveLength(2)
  })

  it('is waited for at the end', async () => {
    const { handle, syncs } = fakeHandle()
    const early = new EarlySync(handle)
    early.start()
    let ended = false
    const end = early.end().then(() => {
      ended = true
    })
    await new Promise(setImmediate)
    expect(ended).toBe(false)
    syncs[0]?.done()
    await end
  })

  it('fails the file although a later sync would succeed', async () => {
    const { handle, syncs } = fakeHandle()
    const early = new EarlySync(handle)
    early.start()
    syncs[0]?.fail(new Error('the disk is gone'))
    await new Promise(setImmediate)
    early.start()
    expect(syncs).toHaveLength(1)
    await expect(early.end()).rejects.toThrow('the disk is gone')
  })

  it('is not needed', async () => {
    await new EarlySync(fakeHandle().handle).end()
  })
})
