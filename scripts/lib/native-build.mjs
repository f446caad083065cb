// Compiling native/: in the clone for development, in an installed package for its machine, and for the package itself.
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { run } from './command.mjs'
import { ADDON, ROOT } from './paths.mjs'

/**
 * Configures `folder` (relative to the project) with a preset of native/CMakePresets.json and builds the targets, all
 * without one. `settings` are cache entries of CMake.
 */
export async function buildNative(preset, folder, { targets = [], settings = {}, onText } = {}) {
  // CMake refuses a build tree that was made for another place: that of a checkout that was copied or moved.
  const cache = `${ROOT}/${folder}/CMakeCache.txt`
  if (existsSync(cache) && !readFileSync(cache, 'utf8').includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${ROOT}/native\n`)) {
    rmSync(`${ROOT}/${folder}`, { recursive: true })
  }
  const warnings = { TICKFORGE_WERROR: process.env.TICKFORGE_WERROR ?? 'OFF' }
  const entries = Object.entries({ ...warnings, ...settings }).map(([name, value]) => `-D${name}=${value}`)
  await run('cmake', ['--preset', preset, '-S', 'native', '-B', folder, ...entries])
  await run('cmake', ['--build', folder, ...targets.flatMap((target) => ['--target', target])], { onText })
}

/** Builds the addon as the package brings it, and puts it where the loader looks first. */
export async function buildAddon(to = ADDON, { folder = 'build/package', settings, onText } = {}) {
  await buildNative('package', folder, { targets: ['tickforge_addon'], settings, onText })
  mkdirSync(dirname(to), { recursive: true })
  // A process that has the old file mapped keeps it.
  copyFileSync(`${ROOT}/${folder}/tickforge.node`, `${to}.new`)
  renameSync(`${to}.new`, to)
}
