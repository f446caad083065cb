// Temporary names beside a result: unique to a process, so that those of a killed one are known and removed.
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync, rmSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { loadNative } from '../native/binding.ts'

/** A longer name would leave no room for the ending: file systems take 255 bytes. */
const NAME_BYTES_MAX = 190
/** Age at which the file of a process that cannot be looked up (another machine, an earlier boot) counts as left over. */
const FOREIGN_AGE_MS = 24 * 3_600_000

const live = new Set<string>()
let counter = 0

/** A name that no reader takes for a result and that no other process or export uses: '.NAME.PID-START-SCOPE-N.tmp'. */
export function temporaryPath(path: string): string {
  const temporary = join(
    dirname(path),
    `${prefixOf(path)}${process.pid}-${startOf(process.pid)}-${scope()}-${counter++}.tmp`,
  )
  live.add(temporary)
  return temporary
}

/** The file has its final name, or is removed. */
export function forgetTemporary(path: string): void {
  live.delete(path)
}

/** Removes what exports of this process have begun: for a process that is about to end. */
export function removeTemporaries(): void {
  for (const path of live) rmSync(path, { force: true })
  live.clear()
}

/** Removes temporary files of exports to `path` whose process is gone. */
export async function removeStale(path: string): Promise<void> {
  const folder = dirname(path)
  const prefix = prefixOf(path)
  // Whoever may write into a directory need not be allowed to list it.
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(prefix)) continue
    const parts = /^(\d+)-(\d+)-([0-9a-f]{8})-\d+\.tmp$/.exec(name.slice(prefix.length))
    if (parts !== null && (await isStale(join(folder, name), parts))) await rm(join(folder, name), { force: true })
  }
}

async function isStale(path: string, [, pid, start, from]: RegExpExecArray): Promise<boolean> {
  if (from === scope()) return startOf(Number(pid)) !== start
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && Number(loadNative().now() / 1_000_000n) - found.mtimeMs > FOREIGN_AGE_MS
}

function prefixOf(path: string): string {
  const name = basename(path)
  const short = Buffer.byteLength(name) <= NAME_BYTES_MAX
  return `.${short ? name : createHash('sha256').update(name).digest('hex')}.`
}

/** When a process started, in clock ticks since boot: a number that is used again has another one. '0': no such process. */
function startOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command's name stands in brackets and may contain any byte.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '0'
  } catch {
    return '0'
  }
}

/** Process numbers mean something only within one boot and one process namespace. */
function scope(): string {
  known ??= createHash('sha256')
    .update(textOf('/proc/sys/kernel/random/boot_id'))
    .update(namespace())
    .digest('hex')
    .slice(0, 8)
  return known
}

let known: string | undefined

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function namespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}
