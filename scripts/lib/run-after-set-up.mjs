import { pathToFileURL } from 'node:url'
import { report } from './command.mjs'
import { ROOT } from './paths.mjs'
import { setUp } from './set-up.mjs'

/**
 * Sets up, then runs a module of the checkout as if it had been started by `node MODULE ARGS`. It stays in this process,
 * so that a signal reaches it directly and its exit code is ours.
 */
export async function runAfterSetUp(module) {
  try {
    await setUp()
  } catch (error) {
    report(error)
    return
  }
  process.argv[1] = `${ROOT}/${module}`
  await import(pathToFileURL(process.argv[1]).href)
}
