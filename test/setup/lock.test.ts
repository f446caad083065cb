import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { lock } from '../../scripts/lib/lock.mjs'

const LOCK_MODULE = fileURLToPath(new URL('../../scripts/lib/lock.mjs', import.meta.url))
const place = (name: string) => `${import.meta.url}#${process.pid}.${name}`

it('lets one holder in at a time and the next one when the lock is released', async () => {
  const inside: string[] = []
  const waitedFor: string[] = []
  const release = await lock(place('turns'), () => {})
  const second = lock(place('turns'), (pid: string) => waitedFor.push(pid)).then((releaseSecond) => {
    inside.push('second')
    releaseSecond()
  })
  while (waitedFor.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  expect(waitedFor).toEqual([String(process.pid)])
  expect(inside).toEqual([])
  release()
  await second
  expect(inside).toEqual(['second'])
})

it('is free for another checkout at the same time', async () => {
  const one = await lock(place('one'), () => {})
  const two = await lock(place('two'), () => expect.unreachable('two checkouts share a lock'))
  one()
  two()
})

it('passes on when its holder is killed', async () => {
  const program = `
    import { lock } from ${JSON.stringify(LOCK_MODULE)}
    await lock(process.argv[1], () => {})
    console.log('locked')
    setInterval(() => {}, 1000)`
  const holder = spawn(process.execPath, ['--input-type=module', '-e', program, place('killed')])
  await once(holder.stdout, 'data')
  let waited = false
  const next = lock(place('killed'), () => {
    waited = true
    holder.kill('SIGKILL')
  })
  ;(await next)()
  expect(waited).toBe(true)
})
