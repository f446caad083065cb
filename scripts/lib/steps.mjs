// The steps of set-up in their order. Each one knows whether it is needed, from what is on the disk, and how to do it.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { run } from './command.mjs'
import { ADDON, NATIVE_TESTS, PRINT_LAYOUT, ROOT, VENV, VENV_PYTHON } from './paths.mjs'
import { digest, filesUnder, Stamps } from './stamps.mjs'
import { GOOGLETEST, install, installPython, missing, REQUIRED } from './system-packages.mjs'

export const stamps = new Stamps(`${ROOT}/.setup`)

const nativeInputs = () => digest(ROOT, ['native', 'package-lock.json'])
const typescriptInputs = () => digest(ROOT, ['src', 'tsconfig.json', 'package-lock.json'])
const pythonInputs = () => digest(ROOT, ['tools/requirements.txt'])
// The environment is made anew when the tools' packages change.
const CLIENTS = 'test/clients/requirements.txt'
const pythonClientInputs = () => digest(ROOT, ['tools/requirements.txt', CLIENTS])

/** True when node_modules holds each package of package-lock.json in its version, whoever put it there. */
function npmPackagesCurrent() {
  const read = (path) => JSON.parse(readFileSync(`${ROOT}/${path}`, 'utf8')).packages
  if (!existsSync(`${ROOT}/node_modules/.package-lock.json`)) return false
  const installed = read('node_modules/.package-lock.json')
  return Object.entries(read('package-lock.json')).every(([path, wanted]) => {
    if (path === '' || wanted.optional === true) return true
    return installed[path]?.version === wanted.version && existsSync(`${ROOT}/${path}`)
  })
}

async function buildNative(targets) {
  // CMake refuses a build tree that was made for another place: that of a checkout that was copied or moved.
  const cache = `${ROOT}/build/release/CMakeCache.txt`
  if (existsSync(cache) && !readFileSync(cache, 'utf8').includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${ROOT}/native\n`)) {
    rmSync(`${ROOT}/build/release`, { recursive: true })
  }
  await run('cmake', ['--preset', 'release', '-S', 'native'])
  await run('cmake', ['--build', 'build/release', ...targets.flatMap((target) => ['--target', target])])
}

/** Every module of src has its output. tsc believes its .tsbuildinfo and would not write a lost file again. */
function distComplete() {
  return filesUnder(ROOT, 'src')
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .every((file) => existsSync(`${ROOT}/dist/${file.slice('src/'.length, -'.ts'.length)}.js`))
}

async function buildTypescript() {
  if (!distComplete()) rmSync(`${ROOT}/dist/.tsbuildinfo`, { force: true })
  await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'])
}

async function makePythonEnvironment() {
  await installPython()
  try {
    await run('python3', ['-m', 'venv', '--clear', VENV])
    await run(VENV_PYTHON, ['-m', 'pip', 'install', '--retries', '2', '--no-input', '-r', 'tools/requirements.txt'])
  } catch (error) {
    rmSync(VENV, { recursive: true, force: true })
    throw error
  }
}

/**
 * `inputs` hashes what a step depends on; without it the step judges by `present` alone. `present` is what must exist.
 * `tests` marks what only the tests need. A step with `without` may fail: it says what then does not run.
 */
export const STEPS = [
  {
    name: 'system',
    label: () => `system packages by apt-get: ${missing(REQUIRED).join(' ')}`,
    present: () => missing(REQUIRED).length === 0,
    run: () => install(missing(REQUIRED)),
  },
  {
    name: 'npm',
    label: () => 'npm packages of package-lock.json into node_modules',
    present: npmPackagesCurrent,
    run: () => run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund']),
  },
  {
    name: 'native',
    label: () => 'native core into build/release',
    inputs: nativeInputs,
    present: () => existsSync(ADDON) && existsSync(PRINT_LAYOUT),
    run: () => buildNative(['tickforge_addon', 'print_layout']),
  },
  {
    name: 'typescript',
    label: () => 'TypeScript into dist',
    inputs: typescriptInputs,
    present: distComplete,
    run: buildTypescript,
  },
  {
    name: 'googletest',
    tests: true,
    without: 'the native unit tests',
    label: () => `system packages by apt-get: ${GOOGLETEST.name}`,
    present: GOOGLETEST.present,
    run: () => install([GOOGLETEST.name]),
  },
  {
    name: 'native-tests',
    tests: true,
    label: () => 'native unit tests into build/release',
    inputs: nativeInputs,
    present: () => !GOOGLETEST.present() || existsSync(NATIVE_TESTS),
    run: () => (GOOGLETEST.present() ? buildNative([]) : undefined),
  },
  {
    name: 'python',
    tests: true,
    without: 'the tests that need Python',
    label: () => 'Python packages of tools/requirements.txt into .venv',
    inputs: pythonInputs,
    present: () => existsSync(VENV_PYTHON),
    run: makePythonEnvironment,
  },
  {
    name: 'python-clients',
    tests: true,
    without: "the tests with other people's clients in Python",
    label: () => `Python packages of ${CLIENTS} into .venv`,
    inputs: pythonClientInputs,
    present: () => existsSync(VENV_PYTHON),
    run: () => run(VENV_PYTHON, ['-m', 'pip', 'install', '--retries', '2', '--no-input', '-r', CLIENTS]),
  },
]
