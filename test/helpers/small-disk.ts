// A disk that a test can fill.
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished, type TestContext } from 'vitest'
import { temporaryDirectory } from './temporary.ts'

/** A file system of a few MiB; skips the test where it cannot be made. */
export function smallDisk(context: TestContext, size = '4m'): { directory: string; grow: () => void } {
  const directory = join(temporaryDirectory(), 'disk')
  mkdirSync(directory)
  const mount = (options: string): unknown =>
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory], { stdio: 'pipe' })
  try {
    mount(`size=${size}`)
  } catch {
    context.skip('needs the right to mount a small file system')
  }
  // Mappings of what was read may live on until they are collected.
  onTestFinished(() => void execFileSync('umount', ['--lazy', directory]))
  return { directory, grow: () => mount('remount,size=32m') }
}
