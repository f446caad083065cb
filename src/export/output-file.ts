// Output of an export. A file is there whole or not at all: written under a temporary name, synced, then renamed. A pipe, a device or
// a descriptor is written to in place.
import { constants, type Stats, writev } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { TickforgeError } from '../errors.ts'
import { outputTarget } from './output-target.ts'
import { forgetTemporary, removeStale, temporaryPath } from './temporary-file.ts'

/** Wait for a descriptor that is not ready (another program made it non-blocking). */
const RETRY_MS = 2

/** What writeChunks() writes to. */
export interface ChunkTarget {
  writev(chunks: readonly Uint8Array[]): Promise<{ bytesWritten: number }>
}

/** Where the writer of a format puts its bytes. */
export interface Output {
  /** Chunks may be changed by the caller as soon as this resolves. */
  write(chunks: readonly Uint8Array[]): Promise<void>
  /** A file that is renamed when it is whole; false: a pipe, a device or a descriptor. */
  readonly regular: boolean
}

/** Writes `chunks` at the end of a file; a short write is continued. */
export async function writeChunks(target: ChunkTarget, chunks: readonly Uint8Array[]): Promise<void> {
  let rest = chunks.filter((chunk) => chunk.byteLength > 0)
  while (rest.length > 0) {
    let { bytesWritten } = await target.writev(rest)
    let whole = 0
    while (whole < rest.length && bytesWritten >= (rest[whole] as Uint8Array).byteLength) {
      bytesWritten -= (rest[whole] as Uint8Array).byteLength
      whole++
    }
    rest = rest.slice(whole)
    if (bytesWritten > 0) rest[0] = (rest[0] as Uint8Array).subarray(bytesWritten)
  }
}

/**
 * Syncs a file while more of it is made. The last sync then has little left, and the kernel never has to stop the writer
 * because too much of the file waits in memory.
 */
export class EarlySync {
  readonly #handle: FileHandle
  #running: Promise<void> | undefined

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /** Starts a sync of what is written so far, unless one is under way. */
  start(): void {
    if (this.#running !== undefined) return
    const running = this.#handle.datasync()
    this.#running = running
    // A failure stays where end() finds it: the kernel tells it once, and a later sync would succeed.
    running.then(
      () => {
        this.#running = undefined
      },
      () => {},
    )
  }

  /** Waits for the sync that is under way; throws if one has failed. */
  async end(): Promise<void> {
    await this.#running
  }
}

/**
 * Hands `write` the output that `path` names: a file that takes the place of the one of before when it is whole, or a pipe or device that
 * is written to. A symbolic link is followed and stays. On any failure no file is left and that of before is unchanged.
 * Throws TF_USAGE, TF_DISK_FULL, TF_NO_DIRECTORY, TF_IO.
 */
export async function writeOutput<T>(path: string, write: (output: Output) => Promise<T>): Promise<T> {
  try {
    const target = await outputTarget(path)
    if (target.kind === 'descriptor') return await write(inPlace(descriptorTarget(target.fd)))
    if (target.kind === 'special') return await writeSpecial(target.path, write)
    await removeStale(target.path)
    return await writeRegular(target.path, target.before, write)
  } catch (error) {
    throw fileError(error, path)
  }
}

function inPlace(target: ChunkTarget): Output {
  return { regular: false, write: (chunks) => writeChunks(target, chunks) }
}

async function writeSpecial<T>(path: string, write: (output: Output) => Promise<T>): Promise<T> {
  // Neither created nor cut: what was a pipe a moment ago must not become a file.
  const handle = await open(path, constants.O_WRONLY | constants.O_NOCTTY)
  try {
    return await write(inPlace(handle))
  } finally {
    await handle.close()
  }
}

async function writeRegular<T>(
  path: string,
  before: Stats | undefined,
  write: (output: Output) => Promise<T>,
): Promise<T> {
  const temporary = temporaryPath(path)
  try {
    const handle = await open(temporary, 'wx')
    let result: T
    try {
      if (before !== undefined) await keepOwner(handle, before)
      const early = new EarlySync(handle)
      const output: Output = {
        regular: true,
        write: async (chunks) => {
          await writeChunks(handle, chunks)
          early.start()
        },
      }
      try {
        result = await write(output)
      } finally {
        await early.end()
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
    await syncDirectory(dirname(path))
    return result
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  } finally {
    forgetTemporary(temporary)
  }
}

/** The new file has the permissions of the one it replaces, and its owner where that is allowed. */
async function keepOwner(handle: FileHandle, before: Stats): Promise<void> {
  const own = await handle.stat()
  if (own.uid !== before.uid || own.gid !== before.gid) {
    await handle.chown(before.uid, before.gid).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPERM') throw error
    })
  }
  await handle.chmod(before.mode & 0o7777)
}

function descriptorTarget(fd: number): ChunkTarget {
  const write = promisify(writev)
  return {
    async writev(chunks) {
      for (;;) {
        try {
          return await write(fd, chunks)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
        }
      }
    },
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A failed system call in the terms of the error table; anything else as it is. */
export function fileError(error: unknown, path: string): unknown {
  const errno = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  if (error instanceof TickforgeError || errno === undefined || !/^E[A-Z0-9]+$/.test(errno)) return error
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new TickforgeError('TF_DISK_FULL', `the disk is full: '${path}' was not written`, { cause: error, path })
  }
  if (errno === 'EPIPE') {
    return new TickforgeError('TF_IO', `the reader of '${path}' is gone`, { cause: error, path })
  }
  if (errno === 'ENOENT') {
    return new TickforgeError('TF_NO_DIRECTORY', `the directory of '${path}' does not exist`, { cause: error, path })
  }
  return new TickforgeError('TF_IO', `'${path}' cannot be written: ${(error as Error).message}`, { cause: error, path })
}
