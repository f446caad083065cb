import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { tableFromIPC } from 'apache-arrow'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeArrowFile } from '../../src/export/arrow.ts'
import { writeCsvFile } from '../../src/export/csv.ts'
import { fileError, writeOutput } from '../../src/export/output-file.ts'
import { writeParquetFile } from '../../src/export/parquet.ts'
import { removeTemporaries, temporaryPath } from '../../src/export/temporary-file.ts'
import { definition, sourceOf, trade, windowOf } from './records.ts'

const source = sourceOf([windowOf([definition(1, 'binance:BTCUSDT')], [trade({ price: 1n })])])

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tickforge-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const at = (name: string): string => join(directory, name)
const text = (content: string) => (output: { write(chunks: Uint8Array[]): Promise<void> }) =>
  output.write([Buffer.from(content)])

/** A named pipe and all that comes out of it. */
function pipe(): { path: string; read: Promise<Buffer> } {
  const path = at('pipe')
  execFileSync('mkfifo', [path])
  const cat = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  cat.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  return { path, read: once(cat, 'close').then(() => Buffer.concat(chunks)) }
}

describe('a pipe that is named as output', () => {
  it('gets the CSV and stays a pipe', async () => {
    const { path, read } = pipe()
    await writeCsvFile(source, 'trade', path)
    expect((await read).toString().split('\n')).toHaveLength(3)
    expect(lstatSync(path).isFIFO()).toBe(true)
    expect(readdirSync(directory)).toEqual(['pipe'])
  })

  it('gets the stream layout of Arrow, which needs no end to be read', async () => {
    const { path, read } = pipe()
    await writeArrowFile(source, 'trade', path)
    const bytes = await read
    expect(bytes.subarray(0, 6).toString()).not.toBe('ARROW1')
    expect(tableFromIPC(bytes).numRows).toBe(1)
  })

  it('gets a whole Parquet file', async () => {
    const { path, read } = pipe()
    await writeParquetFile(source, 'trade', path)
    const bytes = await read
    expect([bytes.subarray(0, 4).toString(), bytes.subarray(-4).toString()]).toEqual(['PAR1', 'PAR1'])
  })

  it('is reported as an error when its reader goes away', async () => {
    const path = at('pipe')
    execFileSync('mkfifo', [path])
    const head = spawn('head', ['-c', '1', path], { stdio: 'ignore' })
    const writing = writeOutput(path, async (output) => {
      for (;;) await output.write([Buffer.alloc(1 << 16)])
    })
    await expect(writing).rejects.toMatchObject({ code: 'TF_IO', path })
    if (head.exitCode === null) await once(head, 'close')
  })
})

describe('a device that is named as output', () => {
  it('is written to and stays a device', async () => {
    await writeCsvFile(source, 'trade', '/dev/null')
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true)
  })

  it.skipIf(!existsSync('/dev/full'))('is reported when it is full', async () => {
    await expect(writeCsvFile(source, 'trade', '/dev/full')).rejects.toMatchObject({ code: 'TF_DISK_FULL' })
    expect(statSync('/dev/full').isCharacterDevice()).toBe(true)
  })
})

describe('a descriptor that is named as output', () => {
  it.each(['/dev/fd', '/proc/self/fd', `/proc/${process.pid}/fd`])(
    'of %s is written where it stands',
    async (folder) => {
      const handle = await open(at('log.txt'), 'a')
      await handle.write('before\n')
      await writeOutput(join(folder, String(handle.fd)), text('row\n'))
      await handle.close()
      expect(readFileSync(at('log.txt'), 'utf8')).toBe('before\nrow\n')
      expect(readdirSync(directory)).toEqual(['log.txt'])
    },
  )

  it('may be reached by a symbolic link', async () => {
    const handle = await open(at('log.txt'), 'w')
    symlinkSync(`/proc/self/fd/${handle.fd}`, at('link'))
    await writeOutput(at('link'), text('row'))
    await handle.close()
    expect(readFileSync(at('log.txt'), 'utf8')).toBe('row')
    expect(lstatSync(at('link')).isSymbolicLink()).toBe(true)
  })
})

describe('a symbolic link that is named as output', () => {
  it('stays, and what it leads to is replaced', async () => {
    mkdirSync(at('real'))
    writeFileSync(at('real/file'), 'old')
    symlinkSync('real/file', at('one'))
    symlinkSync('one', at('two'))
    await writeOutput(at('two'), text('new'))
    expect([readlinkSync(at('two')), readlinkSync(at('one'))]).toEqual(['one', 'real/file'])
    expect(readFileSync(at('real/file'), 'utf8')).toBe('new')
    expect(readdirSync(at('real'))).toEqual(['file'])
  })

  it('may lead to a file that does not exist yet', async () => {
    symlinkSync('later', at('link'))
    await writeOutput(at('link'), text('new'))
    expect(readFileSync(at('later'), 'utf8')).toBe('new')
  })

  it('is refused when it leads in a circle', async () => {
    symlinkSync('b', at('a'))
    symlinkSync('a', at('b'))
    await expect(writeOutput(at('a'), text('x'))).rejects.toMatchObject({ code: 'TF_USAGE' })
  })
})

describe('what cannot hold an export', () => {
  it('is refused: a directory', async () => {
    mkdirSync(at('folder'))
    await expect(writeOutput(at('folder'), text('x'))).rejects.toMatchObject({ code: 'TF_USAGE', path: at('folder') })
    for (const path of [`${at('folder')}/`, `${at('none')}/`])
      await expect(writeOutput(path, text('x'))).rejects.toMatchObject({ code: 'TF_USAGE' })
    expect(readdirSync(directory)).toEqual(['folder'])
  })

  it('is refused: a socket', async () => {
    const server = createServer().listen(at('socket'))
    await once(server, 'listening')
    await expect(writeOutput(at('socket'), text('x'))).rejects.toMatchObject({ code: 'TF_USAGE' })
    expect(lstatSync(at('socket')).isSocket()).toBe(true)
    server.close()
  })
})

describe('a file that is replaced', () => {
  it('gives its permissions to the new one', async () => {
    writeFileSync(at('file'), 'old')
    chmodSync(at('file'), 0o640)
    await writeOutput(at('file'), text('new'))
    expect(statSync(at('file')).mode & 0o7777).toBe(0o640)
    expect(readFileSync(at('file'), 'utf8')).toBe('new')
  })

  it('is as before when the writer fails, and nothing is left beside it', async () => {
    writeFileSync(at('file'), 'old')
    const failing = writeOutput(at('file'), async (output) => {
      await output.write([Buffer.from('half')])
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    })
    await expect(failing).rejects.toMatchObject({ code: 'TF_DISK_FULL', path: at('file') })
    expect(readFileSync(at('file'), 'utf8')).toBe('old')
    expect(readdirSync(directory)).toEqual(['file'])
  })

  it('may have the longest name that there is', async () => {
    const name = 'n'.repeat(255)
    await writeOutput(at(name), text('new'))
    expect(readdirSync(directory)).toEqual([name])
  })
})

describe('a temporary file', () => {
  /** As an export leaves it whose process was killed. */
  function leftBehind(name: string): string {
    const own = temporaryPath(at(name))
    const path = own.replace(/\.\d+-(\d+)-/, (_, start: string) => `.${process.pid}-${Number(start) + 1}-`)
    writeFileSync(path, 'half')
    return path
  }

  it('of a killed export is removed by the next one to that name, and by no other', async () => {
    const stale = leftBehind('out.csv')
    await writeOutput(at('other.csv'), text('x'))
    expect(existsSync(stale)).toBe(true)
    await writeOutput(at('out.csv'), text('x'))
    expect(existsSync(stale)).toBe(false)
  })

  it('of an export that still runs is left alone', async () => {
    await writeOutput(at('out.csv'), async (first) => {
      await first.write([Buffer.from('first')])
      await writeOutput(at('out.csv'), text('second'))
      expect(readFileSync(at('out.csv'), 'utf8')).toBe('second')
    })
    expect(readFileSync(at('out.csv'), 'utf8')).toBe('first')
    expect(readdirSync(directory)).toEqual(['out.csv'])
  })

  it('of a process that is told to end can be removed', () => {
    const path = temporaryPath(at('out.csv'))
    writeFileSync(path, 'half')
    removeTemporaries()
    expect(readdirSync(directory)).toEqual([])
  })
})

describe('a name that ends in .gz', () => {
  it('makes CSV gzip', async () => {
    const many = sourceOf([
      windowOf(
        [definition(1, 'binance:BTCUSDT')],
        Array.from({ length: 40_000 }, (_, i) => trade({ price: BigInt(i) })),
      ),
    ])
    await writeCsvFile(many, 'trade', at('out.csv.GZ'))
    await writeCsvFile(many, 'trade', at('out.csv'))
    expect(gunzipSync(readFileSync(at('out.csv.GZ'))).equals(readFileSync(at('out.csv')))).toBe(true)
  })

  it('is reported when the disk is full', async () => {
    symlinkSync('/dev/full', at('out.csv.gz'))
    await expect(writeCsvFile(source, 'trade', at('out.csv.gz'))).rejects.toMatchObject({ code: 'TF_DISK_FULL' })
  })
})

describe('an error of the system', () => {
  it.each([
    ['ENOSPC', 'TF_DISK_FULL'],
    ['EDQUOT', 'TF_DISK_FULL'],
    ['ENOENT', 'TF_NO_DIRECTORY'],
    ['EPIPE', 'TF_IO'],
    ['EACCES', 'TF_IO'],
  ])('%s is %s', (code, expected) => {
    expect(fileError(Object.assign(new Error(code), { code }), 'x')).toMatchObject({ code: expected, path: 'x' })
  })
})
