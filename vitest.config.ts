import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'
import { leftOut } from './scripts/lib/test-groups.mjs'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...leftOut(process.argv.slice(2))],
    // A process a file: a crash of the native core ends one file, and its message names which.
    pool: 'forks',
    // Many tests wait for processes and disks: one worker leaves a core of two idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Ends what hangs. A busy machine is no hang.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ['default', './scripts/lib/skip-reporter.mjs'],
  },
})
