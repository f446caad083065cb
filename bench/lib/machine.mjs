// What a number was measured on, and what else the machine did meanwhile.
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { loadNative } from '../../dist/native/binding.js'

const TICK_SECONDS = 0.01
const SECTOR_BYTES = 512

/** Mount point and file system of a path, from the longest mount point that holds it. */
function fileSystem(path) {
  let best = ['', 'unknown']
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const [, mount = '', type = ''] = line.split(' ')
    const holds = path === mount || path.startsWith(mount.endsWith('/') ? mount : `${mount}/`)
    if (mount !== '' && holds && mount.length >= best[0].length) best = [mount, type]
  }
  return best[1]
}

function commit() {
  try {
    const cwd = fileURLToPath(new URL('..', import.meta.url))
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return ''
  }
}

export function machine(directory) {
  const facts = {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    fileSystem: fileSystem(directory),
    node: process.version,
    writer: loadNative().writerKind(),
    commit: commit(),
  }
  const memory = facts.fileSystem === 'tmpfs' ? '  (memory, not a disk: the figures of writing say nothing)' : ''
  const text =
    `${facts.cpu}, ${facts.cores} cores, ${facts.memoryGb} GB; Linux ${facts.kernel}; ${facts.fileSystem}${memory}; ` +
    `Node ${facts.node}; writer: ${facts.writer}`
  return { text, ...facts }
}

export function loadAverage() {
  return loadavg()[0].toFixed(2)
}

/** CPU seconds that all processors were busy, those taken by other guests of the host included. */
export function busySeconds() {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number)
  return (user + nice + system + irq + softirq + steal) * TICK_SECONDS
}

/** Counters of the disk under a path; undefined where it is not one block device. */
export function diskCounters(path) {
  const { dev } = statSync(path)
  // The kernel's encoding of major and minor in dev_t.
  const major = (dev >>> 8) & 0xfff
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00)
  for (const line of readFileSync('/proc/diskstats', 'utf8').split('\n')) {
    const fields = line.trim().split(/\s+/)
    if (Number(fields[0]) === major && Number(fields[1]) === minor) {
      return { writtenBytes: Number(fields[9]) * SECTOR_BYTES, busySeconds: Number(fields[12]) / 1000 }
    }
  }
  return undefined
}
