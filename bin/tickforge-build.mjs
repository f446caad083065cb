#!/usr/bin/env node
// `npx tickforge-build`: compiles the native core of an installed package, where no prebuilt one fits the machine.
import { report, SetupError } from '../scripts/lib/command.mjs'
import { buildAddon } from '../scripts/lib/native-build.mjs'
import { ADDON } from '../scripts/lib/paths.mjs'
import { timed } from '../scripts/lib/progress.mjs'
import { missing, REQUIRED } from '../scripts/lib/system-packages.mjs'

try {
  const names = missing(REQUIRED)
  if (names.length > 0) {
    throw new SetupError(`the build needs what these Debian packages bring: ${names.join(' ')}`, {
      hint: `install them (\`sudo apt-get install ${names.join(' ')}\`, or the like of this system), and run the command again`,
    })
  }
  await timed('native core', () => buildAddon())
  process.stdout.write(`built ${ADDON}\n`)
} catch (error) {
  report(error)
}
