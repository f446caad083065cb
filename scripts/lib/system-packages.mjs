// The Debian packages that the build needs. Each is found by what it brings, so that a compiler of another origin will do.
import { existsSync } from 'node:fs'
import { onPath, run, SetupError } from './command.mjs'

const INCLUDE_FOLDERS = [
  ...(process.env.CPATH ?? '').split(':'),
  ...(process.env.CPLUS_INCLUDE_PATH ?? '').split(':'),
  '/usr/local/include',
  '/usr/include',
].filter((folder) => folder !== '')

const header = (name) => () => INCLUDE_FOLDERS.some((folder) => existsSync(`${folder}/${name}`))
const program =
  (...names) =>
  () =>
    names.some(onPath)

/** Needed by `npm start` and everything else. */
export const REQUIRED = [
  { name: 'g++', present: program('c++', 'g++', 'clang++') },
  { name: 'cmake', present: program('cmake') },
  { name: 'ninja-build', present: program('ninja') },
  { name: 'liburing-dev', present: header('liburing.h') },
  { name: 'libhttp-parser-dev', present: header('http_parser.h') },
]

export const GOOGLETEST = { name: 'libgtest-dev', present: header('gtest/gtest.h') }

/** Python brings no single file that tells: it is asked, and only when the environment has to be made. */
export async function installPython(onText) {
  const usable = () => run('python3', ['-c', 'import ensurepip, venv']).catch(() => undefined)
  if ((await usable()) !== undefined) return
  await install(['python3', 'python3-venv'], onText)
  await run('python3', ['-c', 'import ensurepip, venv'])
}

export function missing(packages) {
  return packages.filter((wanted) => !wanted.present()).map((wanted) => wanted.name)
}

/** True when sudo may ask for a password: its question must not be drawn over. */
export const sudoMayAsk = () => process.stdin.isTTY === true && process.getuid() !== 0

/** How this user can become root: a command prefix, or undefined with the reason in words. */
async function rootPrefix() {
  if (!onPath('apt-get')) return { reason: 'this system has no apt-get' }
  if (process.getuid() === 0) return { prefix: [] }
  if (!onPath('sudo')) return { reason: 'this user is not root and there is no sudo' }
  try {
    await run('sudo', ['-n', 'true'])
    return { prefix: ['sudo', '-n'] }
  } catch {
    if (process.stdin.isTTY) return { prefix: ['sudo'] }
    return { reason: 'sudo wants a password and there is no terminal to give it on' }
  }
}

/** Installs `names` by apt-get. Throws a SetupError that names them where that is not possible. */
export async function install(names, onText) {
  const byHand = `install these Debian packages, or what brings the same on this system, and run the command again: ${names.join(' ')}`
  const { prefix, reason } = await rootPrefix()
  if (prefix === undefined) throw new SetupError(`missing system packages, and ${reason}`, { hint: byHand })
  const [program, ...before] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_MODE=a', 'apt-get']
  const options = ['-q', '-y', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=2']
  const how = { hint: byHand, input: prefix[0] === 'sudo' ? 'inherit' : 'ignore', onText }
  // One unreachable source fails an update although the others may hold all that is wanted: the install decides.
  const complaint = await run(program, [...before, ...options, 'update'], how).then(
    () => '',
    (error) => error.output,
  )
  try {
    await run(program, [...before, ...options, 'install', '--no-install-recommends', ...names], how)
  } catch (error) {
    error.output = complaint + error.output
    throw error
  }
}
