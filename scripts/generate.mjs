// Writes src/records/layout.ts from the C++ structs. With --check only compares, exit code 1 when they differ.
import { readFileSync, writeFileSync } from 'node:fs'
import { report, run, SetupError } from './lib/command.mjs'
import { LAYOUT, PRINT_LAYOUT } from './lib/paths.mjs'
import { setUp } from './lib/set-up.mjs'

try {
  // Not TypeScript: it may need just the constants that are to be written.
  await setUp({ until: 'native' })
  const generated = await run(PRINT_LAYOUT, [])
  if (process.argv.includes('--check')) {
    if (readFileSync(LAYOUT, 'utf8') !== generated) {
      throw new SetupError('src/records/layout.ts is not what native/format says', { hint: 'run `npm run generate`' })
    }
  } else {
    writeFileSync(LAYOUT, generated)
  }
} catch (error) {
  report(error)
}
