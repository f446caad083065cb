import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../../scripts/lib/paths.mjs'
import { tickforge } from '../helpers/command-line.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const GOLDEN = join(ROOT, 'test/golden/v1/venues')

describe('tickforge export', () => {
  it('takes the format from the name of the file', async () => {
    const directory = temporaryDirectory()
    const done = await tickforge('export', GOLDEN, '--type', 'trade', '--out', join(directory, 'x.PARQUET'))
    expect(done.code, done.stderr).toBe(0)
    expect(readFileSync(join(directory, 'x.PARQUET')).subarray(0, 4).toString()).toBe('PAR1')
  })

  it.each(['x.xlsx', 'x', '-'])('refuses --out %s without --format', async (name) => {
    const directory = temporaryDirectory()
    const out = name === '-' ? name : join(directory, name)
    const done = await tickforge('export', GOLDEN, '--type', 'trade', '--out', out)
    expect([done.code, done.stdout]).toEqual([2, ''])
    expect(done.stderr).toContain('TF_USAGE')
    expect(readdirSync(directory)).toEqual([])
  })

  it.each([
    ['--type', 'text'],
    ['--type', 'trade', '--format', 'xml'],
    ['--type', 'trade', '--price', 'float32'],
    ['--type', 'trade', '--format', 'csv', '--price', 'int64'],
  ])('refuses %s %s %s %s', async (...options) => {
    const directory = temporaryDirectory()
    const done = await tickforge('export', GOLDEN, ...options, '--out', join(directory, 'x.csv'))
    expect([done.code, done.stdout, readdirSync(directory)]).toEqual([2, '', []])
    expect(done.stderr).toContain(options.at(-1))
  })

  it('refuses a directory as --out', async () => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, 'x.csv'))
    const done = await tickforge('export', GOLDEN, '--type', 'trade', '--out', join(directory, 'x.csv'))
    expect([done.code, readdirSync(directory)]).toEqual([2, ['x.csv']])
    expect(done.stderr).toContain('TF_USAGE')
  })

  it.each(['-', '/dev/stdout'])('writes nothing but the rows to standard output for --out %s', async (out) => {
    const done = await tickforge('export', GOLDEN, '--type', 'trade', '--format', 'csv', '--out', out)
    expect(done.code, done.stderr).toBe(0)
    expect(done.stdout.trimEnd().split('\n')).toHaveLength(9)
    expect(done.stdout.startsWith('ts_recv,')).toBe(true)
  })

  it('ends without a word when the reader of standard output has seen enough', () => {
    const command = `node bin/tickforge.mjs export ${GOLDEN} --type book --format csv --out - | true; echo \${PIPESTATUS[0]}`
    const done = spawnSync('bash', ['-c', command], { cwd: ROOT, encoding: 'utf8' })
    expect([done.stdout, done.stderr]).toEqual(['0\n', ''])
  })
})
