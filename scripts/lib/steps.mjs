// The steps of set-up in their order. Each one knows whether it is needed, from what is on the disk, and how to do it.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { run } from './command.mjs'
import { buildNative } from './native-build.mjs'
import { ADDON, NATIVE_TESTS, PRINT_LAYOUT, ROOT, VENV, VENV_PYTHON } from './paths.mjs'
import { digest, Stamps } from './stamps.mjs'
import { GOOGLETEST, install, installPython, missing, REQUIRED, sudoMayAsk } from './system-packages.mjs'
import { buildTypescript, distComplete } from './typescript-build.mjs'

const RELEASE = 'build/release'
export const stamps = new Stamps(`${ROOT}/.setup`)

const nativeInputs = () => digest(ROOT, ['native', 'package-lock.json'])
const typescriptInputs = () =>
  digest(ROOT, ['src', 'tsconfig.json', 'package-lock.json', 'scripts/lib/typescript-build.mjs'])
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

const pip = (what, onText) =>
  run(VENV_PYTHON, ['-m', 'pip', 'install', '--retries', '2', '--no-input', ...what], { onText })

async function makePythonEnvironment(onText) {
  await installPython(onText)
  try {
    await run('python3', ['-m', 'venv', '--clear', VENV])
    await pip(['-r', 'tools/requirements.txt'], onText)
  } catch (error) {
    rmSync(VENV, { recursive: true, force: true })
    throw error
  }
}

/**
 * `inputs` hashes what a step depends on; without it the step judges by `present` alone. `present` is what must exist.
 * `for` marks what only some tests need, `mayAsk` what may put a question of its own on the terminal. A step with `without` may fail: it says what then does not run.
 */
export const STEPS = [
  {
    name: 'system',
    label: () => `system packages by apt-get: ${missing(REQUIRED).join(' ')}`,
    present: () => missing(REQUIRED).length === 0,
    mayAsk: sudoMayAsk,
    run: (onText) => install(missing(REQUIRED), onText),
  },
  {
    name: 'npm',
    label: () => 'npm packages of package-lock.json into node_modules',
    present: npmPackagesCurrent,
    run: (onText) => run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], { onText }),
  },
  {
    name: 'native',
    label: () => 'native core into build/release',
    inputs: nativeInputs,
    present: () => existsSync(ADDON) && existsSync(PRINT_LAYOUT),
    run: (onText) => buildNative('release', RELEASE, { targets: ['tickforge_addon', 'print_layout'], onText }),
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
    for: 'native',
    without: 'the native unit tests',
    label: () => `system packages by apt-get: ${GOOGLETEST.name}`,
    present: GOOGLETEST.present,
    mayAsk: sudoMayAsk,
    run: (onText) => install([GOOGLETEST.name], onText),
  },
  {
    name: 'native-tests',
    for: 'native',
    label: () => 'native unit tests into build/release',
    inputs: nativeInputs,
    present: () => !GOOGLETEST.present() || existsSync(NATIVE_TESTS),
    run: (onText) => (GOOGLETEST.present() ? buildNative('release', RELEASE, { onText }) : undefined),
  },
  {
    name: 'python',
    for: 'python',
    without: 'the tests that need Python',
    label: () => 'Python packages of tools/requirements.txt into .venv',
    inputs: pythonInputs,
    present: () => existsSync(VENV_PYTHON),
    run: makePythonEnvironment,
  },
  {
    name: 'python-clients',
    for: 'clients',
    without: "the tests with other people's clients in Python",
    label: () => `Python packages of ${CLIENTS} into .venv`,
    inputs: pythonClientInputs,
    present: () => existsSync(VENV_PYTHON),
    run: (onText) => pip(['-r', CLIENTS], onText),
  },
]
