#!/usr/bin/env node
// node scripts/setup.mjs          does everything, and tries again what could not be had before
// node scripts/setup.mjs --main   does only what the programs need, not what the tests need
import { report } from './lib/command.mjs'
import { setUp } from './lib/set-up.mjs'

try {
  await setUp(process.argv.includes('--main') ? {} : { needs: ['native', 'python'], again: true })
} catch (error) {
  report(error)
}
