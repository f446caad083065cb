#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const program = new URL('../dist/cli/main.js', import.meta.url)

if (existsSync(program)) {
  const { holdSignals } = await import(new URL('../dist/cli/signals.js', import.meta.url).href)
  holdSignals(process.argv[2])
  await import(program.href)
} else {
  process.stderr.write(`tickforge: not built yet (${fileURLToPath(program)} is missing): run \`npm run setup\`\n`)
  process.exitCode = 3
}
