// docs/DURABILITY.md names a test for every promise: each one must be there.
import { describe, expect, it } from 'vitest'
import { projectFiles } from './project-files.ts'

const textOf = (path: string): string | undefined => projectFiles.find((file) => file.path === path)?.text

/** [file, name] of each test that a text names as `file: name`. */
function namedTests(text: string): [file: string, name: string][] {
  return [...text.matchAll(/`((?:native\/test|test)\/[\w/-]+(?:_test\.cpp|\.test\.ts)): ([^`]+)`/g)].map(
    ([, file, name]) => [file as string, name as string],
  )
}

function isThere(file: string, name: string): boolean {
  const text = textOf(file)
  if (text === undefined) return false
  if (file.endsWith('.ts')) return text.includes(`('${name}',`)
  return new RegExp(`^TEST(_F|_P)?\\(\\w+, ${name}\\)`, 'm').test(text)
}

/** Rows of the table below a heading, without its first two. */
function rowsUnder(text: string, heading: string): string[] {
  const section = text.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1)
}

describe('docs/DURABILITY.md', () => {
  const text = textOf('docs/DURABILITY.md') ?? ''

  it('names only tests that are there', () => {
    const missing = namedTests(text).filter(([file, name]) => !isThere(file, name))
    expect(missing).toEqual([])
  })

  it('names one for every promise', () => {
    const promises = rowsUnder(text, 'The promises')
    expect(promises.length).toBeGreaterThan(20)
    expect(promises.filter((row) => namedTests(row).length === 0)).toEqual([])
  })

  it('would notice a test that is gone', () => {
    expect(isThere('native/test/recorder_test.cpp', 'LosesEverything')).toBe(false)
    expect(isThere('test/crash/kill.test.ts', 'leaves no gap record')).toBe(false)
    expect(isThere('test/crash/none.test.ts', 'x')).toBe(false)
  })
})
