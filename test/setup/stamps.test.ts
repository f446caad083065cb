import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { digest, filesUnder, Stamps } from '../../scripts/lib/stamps.mjs'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tickforge-stamps-'))
  mkdirSync(join(root, 'src/deep'), { recursive: true })
  writeFileSync(join(root, 'src/a.ts'), 'a')
  writeFileSync(join(root, 'src/deep/b.ts'), 'b')
  writeFileSync(join(root, 'tsconfig.json'), '{}')
})
afterEach(() => rmSync(root, { recursive: true }))

describe('digest', () => {
  const inputs = () => digest(root, ['src', 'tsconfig.json'])

  it('stays while nothing changes, a rewrite of the same bytes included', () => {
    const before = inputs()
    writeFileSync(join(root, 'src/a.ts'), 'a')
    expect(inputs()).toBe(before)
  })

  it.each([
    ['a file changes', () => writeFileSync(join(root, 'src/deep/b.ts'), 'B')],
    ['a file is added', () => writeFileSync(join(root, 'src/c.ts'), '')],
    ['a file is renamed', () => renameSync(join(root, 'src/a.ts'), join(root, 'src/z.ts'))],
    ['a file is removed', () => rmSync(join(root, 'tsconfig.json'))],
    [
      'bytes move from one file to the next',
      () => {
        writeFileSync(join(root, 'src/a.ts'), 'ab')
        writeFileSync(join(root, 'src/deep/b.ts'), '')
      },
    ],
  ])('changes when %s', (_name, change) => {
    const before = inputs()
    change()
    expect(inputs()).not.toBe(before)
  })

  it('changes with a fact that is no file', () => {
    expect(digest(root, ['src'], ['x86'])).not.toBe(digest(root, ['src'], ['arm']))
  })
})

describe('filesUnder', () => {
  it('lists files at every depth in a fixed order, and nothing for a missing path', () => {
    expect(filesUnder(root, 'src')).toEqual(['src/a.ts', 'src/deep/b.ts'])
    expect(filesUnder(root, 'absent')).toEqual([])
  })
})

describe('Stamps', () => {
  it('forgets what was removed and never leaves a temporary file', () => {
    const stamps = new Stamps(join(root, '.setup'))
    expect(stamps.read('native')).toBeUndefined()
    stamps.write('native', 'one')
    stamps.write('native', 'two')
    expect(stamps.read('native')).toBe('two')
    expect(filesUnder(root, '.setup')).toEqual(['.setup/native'])
    stamps.remove('native')
    expect(stamps.read('native')).toBeUndefined()
  })
})
