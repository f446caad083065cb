// `tickforge serve` on file systems that fail it, in images of their own: one loses, at random moments, whatever it has not
// brought to its disk, as in a power cut (EXT4_IOC_SHUTDOWN without a flush of the journal); the disk of the other one has
// less space than it says, so that what was written cannot be synced.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest'
import { start } from '../helpers/command-line.ts'
import { eventually } from '../helpers/eventually.ts'
import { readAll } from '../helpers/logs.ts'
import { smallDisk } from '../helpers/small-disk.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'
import { Life, type Place } from './life.ts'
import { NumberedClient } from './numbered-client.ts'
import { ROUNDS as ALL_ROUNDS, random, SEED } from './rounds.ts'

const ROUNDS = Math.max(2, Math.min(ALL_ROUNDS / 10, 1000))
/** Cuts of one file system: more would fill it. */
const ROUNDS_OF_A_LIFE = 10
const IMAGE_BYTES = 2 ** 29
/** linux/ext4.h: _IOR('X', 125, __u32) with EXT4_GOING_FLAGS_NOLOGFLUSH. */
const CUT = `import fcntl, os, struct, sys
directory = os.open(sys.argv[1], os.O_RDONLY)
print(flush=True)
sys.stdin.readline()
fcntl.ioctl(directory, 0x8004587D, struct.pack('I', 2))`

function does(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

interface Disk {
  directory: string
  /** Takes the file system away, with what only it knew, and brings back what is on the disk. */
  mountAgain(): Promise<void>
  remove(): void
}

/** An ext4 file system in a sparse file of `base`; skips the test where it cannot be made. */
function diskIn(context: TestContext, base: string): Disk {
  const image = join(base, 'image')
  const directory = join(temporaryDirectory(), `disk-${process.pid}`)
  mkdirSync(directory)
  writeFileSync(image, '')
  truncateSync(image, IMAGE_BYTES)
  const mount = (): boolean => does('mount', '-o', 'loop', image, directory)
  if (!(does('mkfs.ext4', '-q', '-F', image) && mount())) context.skip('needs the right to mount an ext4 file system')
  onTestFinished(() => void does('umount', '--lazy', directory))
  return {
    directory,
    async mountAgain() {
      await eventually('the file system to be left', () => does('umount', directory))
      if (!mount()) throw new Error(`${image} cannot be mounted again`)
    },
    remove() {
      does('umount', '--lazy', directory)
      rmSync(image)
    },
  }
}

function cuttable({ directory, mountAgain }: Disk): Place {
  return {
    directory,
    levels: ['durable', 'durable', 'durable'],
    mayDamage: true,
    async end(server, now) {
      const cut = spawn('python3', ['-c', CUT, directory], { stdio: ['pipe', 'pipe', 'inherit'] })
      const done = once(cut, 'exit')
      await once(cut.stdout, 'data')
      // A sync that is under way at that moment may be told that it succeeded, by a kernel that has given up the disk.
      now()
      cut.stdin.end('\n')
      await done
      server.child.kill('SIGKILL')
      await server.ended
      await mountAgain()
    },
  }
}

describe(`a server whose file system loses what is not on the disk, ${ROUNDS} times (seed ${SEED})`, () => {
  it('has everything that it acknowledged as durable when it is started again', {
    timeout: (ROUNDS + 5) * 20_000,
  }, async (context) => {
    for (let first = 0; first < ROUNDS; first += ROUNDS_OF_A_LIFE) {
      const disk = diskIn(context, temporaryDirectory())
      await new Life(cuttable(disk), SEED + first).run(Math.min(ROUNDS_OF_A_LIFE, ROUNDS - first))
      disk.remove()
    }
  })
})

describe('a server whose disk cannot keep what it took', () => {
  it('acknowledges nothing that is not on the disk, and says what failed', async (context) => {
    // So little that the image in it cannot become what it says it is.
    const disk = diskIn(context, smallDisk(context, '24m').directory)
    const socket = join(temporaryDirectory(), 'socket')
    const server = await start(['serve', '--dir', disk.directory, '--listen', `unix:${socket}`])
    await server.prints(/listening/)
    const client = new NumberedClient('A', 'durable', random(SEED))
    const sent = await client.sendTo(`unix:${socket}`)
    const { code, stderr } = await server.ended
    expect(code, stderr).toBe(6)
    expect(stderr).toMatch(/TF_(IO|DISK_FULL): .*disk-/)
    expect(sent.acknowledged).toBeGreaterThan(0)
    await disk.mountAgain()
    const numbers = readAll(disk.directory, { types: ['trade'] }).map(({ trade_id: id }) => Number(id))
    expect(numbers.findIndex((number, i) => number !== i + 1)).toBe(-1)
    expect(numbers.length).toBeGreaterThanOrEqual(sent.acknowledged)
    expect(numbers.length).toBeLessThanOrEqual(sent.last)
  })
})
