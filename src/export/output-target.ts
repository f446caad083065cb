// Where an export goes: a regular file, something that is written to in place, or a descriptor of this process.
import type { Stats } from 'node:fs'
import { lstat, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { TickforgeError } from '../errors.ts'

/** As the kernel's own limit. */
const LINKS_MAX = 40

export type OutputTarget =
  /** Written beside `path`, then renamed. `before` is the file that is replaced. */
  | { readonly kind: 'file'; readonly path: string; readonly before: Stats | undefined }
  /** A pipe or a character device: written to, never replaced. */
  | { readonly kind: 'special'; readonly path: string }
  | { readonly kind: 'descriptor'; readonly fd: number }

/**
 * Follows symbolic links, also one that leads to a file that does not exist yet. /dev/stdout, /dev/fd/N and their like are
 * the descriptor itself, whatever it is open on. Throws TF_USAGE for what cannot hold an export, and errors of the system.
 */
export async function outputTarget(path: string): Promise<OutputTarget> {
  if (path.endsWith('/')) throw refused(path, 'a directory')
  let at = resolve(path)
  for (let links = 0; links <= LINKS_MAX; links++) {
    const folder = await realpath(dirname(at))
    at = join(folder, basename(at))
    const descriptor = /^\/proc\/(?:self|thread-self|\d+)\/fd\/(\d+)$/.exec(at)
    if (descriptor !== null && folder === (await realpath('/proc/self/fd')))
      return { kind: 'descriptor', fd: Number(descriptor[1]) }
    const link = await linkOf(at)
    if (link === undefined) return targetAt(at, path)
    at = resolve(folder, link)
  }
  throw new TickforgeError('TF_USAGE', `'${path}' is a symbolic link that leads nowhere`, { path })
}

async function linkOf(path: string): Promise<string | undefined> {
  const found = await lstat(path).catch(absent)
  return found?.isSymbolicLink() === true ? readlink(path) : undefined
}

async function targetAt(path: string, named: string): Promise<OutputTarget> {
  const before = await stat(path).catch(absent)
  if (before === undefined || before.isFile()) return { kind: 'file', path, before }
  if (before.isFIFO() || before.isCharacterDevice()) return { kind: 'special', path }
  const what = before.isDirectory() ? 'a directory' : before.isSocket() ? 'a socket' : 'a block device'
  throw refused(named, what)
}

function refused(path: string, what: string): TickforgeError {
  return new TickforgeError('TF_USAGE', `'${path}' is ${what}: an export needs a file, a pipe or a character device`, {
    path,
  })
}

function absent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
  throw error
}
