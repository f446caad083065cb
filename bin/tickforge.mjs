#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const program = new URL('../dist/cli/main.js', import.meta.url)
const addon = new URL('../build/release/tickforge.node', import.meta.url)

const lacking = [program, addon].find((url) => !existsSync(url))
if (lacking === undefined) {
  const { holdSignals } = await import(new URL('../dist/cli/signals.js', import.meta.url).href)
  holdSignals(process.argv[2])
  await import(program.href)
} else {
  process.stderr.write(`tickforge: not built yet (${fileURLToPath(lacking)} is missing): run \`npm run setup\`\n`)
  process.exitCode = 3
}
