// The content of a capture's file as it is read: decompressed, counted and digested on the way, with the place where it
// is cut off.
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { Decompress } from 'fzstd'
import { TickforgeError } from '../errors.ts'
import { type Cut, captureError, readHead } from './capture.ts'

const CHUNK_BYTES = 256 * 1024

/** First bytes of a Zstandard frame. */
const ZSTD_MAGIC = 0xfd2fb528
const GZIP_MAGIC = [0x1f, 0x8b]
/** What other kinds of files begin with, and what to say of them. */
const OTHERS: readonly (readonly [readonly number[], string])[] = [
  [[0xff, 0xfe], 'is UTF-16 text: bring it to UTF-8 first (iconv -f UTF-16 -t UTF-8)'],
  [[0xfe, 0xff], 'is UTF-16 text: bring it to UTF-8 first (iconv -f UTF-16 -t UTF-8)'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'is compressed with xz: decompress it first'],
  [[0x42, 0x5a, 0x68], 'is compressed with bzip2: decompress it first'],
  [[0x04, 0x22, 0x4d, 0x18], 'is compressed with lz4: decompress it first'],
  [[0x50, 0x4b, 0x03, 0x04], 'is a zip archive: unpack it first'],
]
/** What zstd itself refuses without `--long`: a header that asks for more is believed by nobody. */
const ZSTD_WINDOW_LOG_MAX = 27

/** Four bytes become 128 KiB at most: a compression bomb makes 64 MiB of a piece. */
const ZSTD_PIECE_BYTES = 2048

/** Code of fzstd for data that ends in the middle. */
const ZSTD_UNEXPECTED_END = 5

/** What tells one state of a file from another. */
export interface FileState {
  bytes: number
  modifiedNs: bigint
  inode: bigint
}

/** Throws TF_NO_FILE for everything but a regular file: a pipe can be read only once. */
export async function fileState(path: string): Promise<FileState> {
  try {
    const found = await stat(path, { bigint: true })
    if (!found.isFile()) {
      const what = found.isDirectory() ? 'a folder' : 'no regular file'
      throw new TickforgeError('TF_NO_FILE', `${path} is ${what}`, { path })
    }
    return { bytes: Number(found.size), modifiedNs: found.mtimeNs, inode: found.ino }
  } catch (thrown) {
    throw captureError(path, thrown)
  }
}

/** The bytes of one file. A cut is found while they are read, and so is damage: that throws. */
export class CaptureBytes {
  readonly path: string
  /** Of the decompressed content so far. */
  total = 0
  /** Known when everything was read. */
  cut: Cut | undefined
  readonly #hash: Hash = createHash('sha256')

  constructor(path: string) {
    this.path = path
  }

  /** SHA-256 of the decompressed content, once, when everything was read. */
  digest(): string {
    return this.#hash.digest('hex')
  }

  /** Throws TF_NO_FILE, TF_IO, and TF_UNKNOWN_FORMAT for damaged data. */
  async *chunks(): AsyncGenerator<Buffer> {
    const { bytes } = await fileState(this.path)
    const head = Buffer.from(await readHead(this.path, 18))
    for (const [magic, what] of OTHERS)
      if (beginsWith(head, magic))
        throw new TickforgeError('TF_UNKNOWN_FORMAT', `${this.path} ${what}`, { path: this.path })
    const source = beginsWith(head, GZIP_MAGIC)
      ? this.#gunzip(bytes)
      : head.length >= 4 && head.readUInt32LE(0) === ZSTD_MAGIC
        ? this.#unzstd(head, bytes)
        : this.#plain()
    try {
      for await (const chunk of source) {
        this.total += chunk.length
        this.#hash.update(chunk)
        yield chunk
      }
    } catch (thrown) {
      throw captureError(this.path, thrown)
    }
  }

  async *#plain(): AsyncGenerator<Buffer> {
    yield* createReadStream(this.path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>
  }

  /** All members of a file: a rotation appends them. Zero bytes between and behind them are padding. */
  async *#gunzip(fileBytes: number): AsyncGenerator<Buffer> {
    for (let start: number | undefined = 0; start !== undefined; ) {
      const file = createReadStream(this.path, { start, highWaterMark: CHUNK_BYTES })
      const gunzip = createGunzip({ chunkSize: CHUNK_BYTES })
      file.on('error', (error) => gunzip.destroy(error))
      try {
        yield* file.pipe(gunzip) as AsyncIterable<Buffer>
      } catch (thrown) {
        if ((thrown as { code?: unknown }).code !== 'Z_BUF_ERROR') throw thrown
        this.cut = { offset: fileBytes, reason: 'the gzip data ends in the middle', unfinished: 0 }
        return
      } finally {
        file.destroy()
        gunzip.destroy()
      }
      start = await nextNonZero(this.path, start + gunzip.bytesWritten)
    }
  }

  async *#unzstd(head: Buffer, fileBytes: number): AsyncGenerator<Buffer> {
    if (zstdWindowLog(head) > ZSTD_WINDOW_LOG_MAX)
      throw this.#damagedZstd(`a window of more than ${2 ** (ZSTD_WINDOW_LOG_MAX - 20)} MiB`)
    let out: Buffer[] = []
    // The decoder keeps writing into the buffer that it hands out.
    const decoder = new Decompress((data) => out.push(Buffer.from(data)))
    const take = (): Buffer[] => {
      const taken = out
      out = []
      return taken
    }
    try {
      for await (const chunk of createReadStream(this.path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; at += ZSTD_PIECE_BYTES) {
          decoder.push(chunk.subarray(at, at + ZSTD_PIECE_BYTES))
          yield* take()
        }
      }
      decoder.push(new Uint8Array(0), true)
      yield* take()
    } catch (thrown) {
      const code = (thrown as { code?: unknown }).code
      // An absurd size in a header is a RangeError of its buffer.
      if (typeof code !== 'number' && !(thrown instanceof RangeError)) throw thrown
      if (code !== ZSTD_UNEXPECTED_END) throw this.#damagedZstd((thrown as Error).message, thrown)
      yield* take()
      this.cut = { offset: fileBytes, reason: 'the zstd data ends in the middle', unfinished: 0 }
    }
  }

  #damagedZstd(what: string, cause?: unknown): TickforgeError {
    const { path } = this
    return new TickforgeError('TF_UNKNOWN_FORMAT', `${path} is damaged zstd data: ${what}`, { path, cause })
  }
}

/** SHA-256 of a file as it is on the disk, or of its first `bytes` bytes. */
export async function digestOfFile(path: string, bytes?: number): Promise<string> {
  const hash = createHash('sha256')
  const options = { highWaterMark: CHUNK_BYTES, ...(bytes === undefined ? {} : { end: bytes - 1 }) }
  try {
    for await (const chunk of createReadStream(path, options) as AsyncIterable<Buffer>) hash.update(chunk)
  } catch (thrown) {
    throw captureError(path, thrown)
  }
  return hash.digest('hex')
}

function beginsWith(head: Uint8Array, magic: readonly number[]): boolean {
  return head.length >= magic.length && magic.every((byte, at) => head[at] === byte)
}

/** Of the first frame's header (RFC 8878, 3.1.1.1): log2 of the memory that its decoder needs. */
function zstdWindowLog(head: Buffer): number {
  const descriptor = head[4] ?? 0
  const single = (descriptor & 0x20) !== 0
  if (!single) return 10 + ((head[5] ?? 0) >> 3)
  const bytes = 1 << (descriptor >> 6)
  const at = 5 + ([0, 1, 2, 4][descriptor & 3] as number)
  let size = 0
  for (let i = bytes - 1; i >= 0; i--) size = size * 256 + (head[at + i] ?? 0)
  return Math.ceil(Math.log2(Math.max(size, 1)))
}

/** Offset of the first byte from `from` on that is not zero; undefined when there is none. */
async function nextNonZero(path: string, from: number): Promise<number | undefined> {
  const file = await open(path, 'r')
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES)
    for (let at = from; ; ) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) return undefined
      const found = buffer.subarray(0, bytesRead).findIndex((byte) => byte !== 0)
      if (found >= 0) return at + found
      at += bytesRead
    }
  } finally {
    await file.close()
  }
}
