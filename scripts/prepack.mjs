// `npm pack` and `npm publish` begin here: dist and the prebuilt native core are made of the sources that are there now.
import { report } from './lib/command.mjs'
import { buildPrebuilds } from './lib/prebuilds.mjs'
import { setUp } from './lib/set-up.mjs'

// npm prints the result of --json on stdout: what set-up says must not stand in front of it.
process.stdout.write = process.stderr.write.bind(process.stderr)

try {
  await setUp()
  await buildPrebuilds()
} catch (error) {
  report(error)
}
