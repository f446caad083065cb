// A file that is there whole or not at all: written under a temporary name, synced, then renamed.
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { TickforgeError } from '../errors.ts'

/** Name beside `path` that no reader takes for a result, with an ending that tools may insist on. */
export function temporaryPath(path: string, ending = ''): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.tmp${ending}`)
}

/** Writes `chunks` at the end of a file; a short write is continued. */
export async function writeChunks(handle: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  let rest = chunks.filter((chunk) => chunk.byteLength > 0)
  while (rest.length > 0) {
    let { bytesWritten } = await handle.writev(rest)
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

/** Makes `path` out of what `write` puts into the handle. On any failure nothing is left behind, and the error speaks of `named`. */
export async function writeFileWhole<T>(
  path: string,
  write: (handle: FileHandle) => Promise<T>,
  named = path,
): Promise<T> {
  const temporary = temporaryPath(path)
  try {
    const handle = await open(temporary, 'w')
    let result: T
    try {
      result = await write(handle)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
    await syncDirectory(dirname(path))
    return result
  } catch (error) {
    await rm(temporary, { force: true })
    throw fileError(error, named)
  }
}

/** Gives a finished file its name: synced before and after. */
export async function moveIntoPlace(from: string, path: string): Promise<void> {
  const handle = await open(from, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(from, path)
  await syncDirectory(dirname(path))
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
  if (errno === 'ENOENT') {
    return new TickforgeError('TF_NO_DIRECTORY', `the directory of '${path}' does not exist`, { cause: error, path })
  }
  return new TickforgeError('TF_IO', `'${path}' cannot be written: ${(error as Error).message}`, { cause: error, path })
}
