// Directories that are gone when the test, or the group of tests, is over.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, onTestFinished } from 'vitest'

const make = (): string => mkdtempSync(join(tmpdir(), 'tickforge-'))
const remove = (directory: string): void => rmSync(directory, { recursive: true, force: true })

/** An empty directory for the test that is running. */
export function temporaryDirectory(): string {
  const directory = make()
  onTestFinished(() => remove(directory))
  return directory
}

/** An empty directory for all tests of the surrounding describe() or file; to be called outside of tests. */
export function sharedDirectory(): string {
  const directory = make()
  afterAll(() => remove(directory))
  return directory
}
