// Where the captures of other recorders are, and which ones: tests that need them skip, visibly, where they are missing.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { TestContext } from 'vitest'

export const CAPTURES = process.env.TICKFORGE_CAPTURES ?? resolve(import.meta.dirname, '../../../shared/captures')

/** Absolute paths of captures; skips the test when one is missing. */
export function capturePaths(context: TestContext, names: readonly string[]): string[] {
  return names.map((name) => {
    const path = resolve(CAPTURES, name)
    if (!existsSync(path)) context.skip(`needs the capture ${name}`)
    return path
  })
}
