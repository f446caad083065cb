// `npm test`: all set-up that the tests need, then every suite, then what passed, failed and was skipped and why.
//   npm test                        all suites, without the groups of lib/test-groups.mjs
//   npm test -- --group captures    one of these groups
//   npm test -- feeds -t 'gap'      vitest alone, with its own filters and options
//   npm test -- --only native       one suite: unit, native or python; what follows goes to its runner
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { report, SetupError } from './lib/command.mjs'
import { NATIVE_TESTS, ROOT, VENV_PYTHON } from './lib/paths.mjs'
import { setUp, whyMissing } from './lib/set-up.mjs'
import { GROUPS, needsOf } from './lib/test-groups.mjs'

/** Each suite resolves to { passed, failed, skipped } or, when it did not run, to { reason }. */
const SUITES = {
  unit: { label: 'TypeScript (vitest)', run: runVitest },
  native: { label: 'native core (GoogleTest)', run: runGoogleTest },
  python: { label: 'Python tools (pytest)', run: runPytest },
}

async function runVitest(args) {
  process.env.NODE_ENV ??= 'test'
  const { parseCLI, startVitest } = await import('vitest/node')
  const { filter, options } = parseCLI(['vitest', 'run', ...args])
  const vitest = await startVitest('test', filter, { ...options, watch: false })
  const modules = vitest.state.getTestModules()
  const count = (state) => modules.reduce((sum, module) => sum + [...module.children.allTests(state)].length, 0)
  // A file that cannot be loaded, a hook that throws and an error outside of any test fail without a failed test.
  const broken = modules.filter((module) => !module.ok() && [...module.children.allTests('failed')].length === 0).length
  const failed = count('failed') + broken + vitest.state.getUnhandledErrors().length
  await vitest.close()
  // vitest sets the exit code itself where nothing ran at all: a filter without a match.
  const nothingRan = (process.exitCode ?? 0) !== 0 && failed === 0
  return { passed: count('passed'), failed: nothingRan ? 1 : failed, skipped: count('skipped') }
}

async function runGoogleTest(args, print) {
  if (!existsSync(NATIVE_TESTS))
    return { reason: whyMissing('googletest') || 'build/release/tickforge_test is not built' }
  const directory = mkdtempSync(join(tmpdir(), 'tickforge-test-'))
  const file = join(directory, 'result.json')
  try {
    const ok = await show(NATIVE_TESTS, ['--gtest_brief=1', `--gtest_output=json:${file}`, ...args], print)
    // A test binary that crashes leaves no result.
    if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0 }
    const result = JSON.parse(readFileSync(file, 'utf8'))
    const tests = result.testsuites.flatMap((suite) => suite.testsuite)
    const skipped = tests.filter((test) => test.result === 'SKIPPED' || test.status === 'NOTRUN').length
    return { passed: tests.length - skipped - result.failures, failed: result.failures || (ok ? 0 : 1), skipped }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function runPytest(args, print) {
  if (!existsSync(VENV_PYTHON)) return { reason: whyMissing('python') || 'there is no .venv' }
  let output = ''
  const ok = await show(
    VENV_PYTHON,
    ['-m', 'pytest', '-q', '-rs', ...(args.length === 0 ? ['tools'] : args)],
    (text) => {
      print(text)
      output += text
    },
  )
  const count = (word) => Number(output.match(new RegExp(`(\\d+) ${word}`))?.[1] ?? 0)
  const failed = count('failed') + count('errors?')
  return { passed: count('passed'), failed: failed || (ok ? 0 : 1), skipped: count('skipped') }
}

/** Runs a program whose output is handed to `print` as it comes. Resolves to true on exit code 0. */
function show(program, args, print) {
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.setEncoding('utf8').on('data', print)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code === 0))
  })
}

/**
 * Runs the suites and returns their results in order. vitest has both cores for itself; the other two need one each and run at the
 * same time, the first with its output as it comes and the second with it afterwards.
 */
async function runAll(names, args) {
  const results = []
  if (names.includes('unit')) results.push(await SUITES.unit.run(args))
  let held = ''
  const [shown, other] = names.filter((name) => name !== 'unit')
  if (shown === undefined) return results
  const running = [SUITES[shown].run(args, (text) => process.stdout.write(text))]
  if (other !== undefined) {
    running.push(
      SUITES[other].run(args, (text) => {
        held += text
      }),
    )
  }
  results.push(...(await Promise.all(running)))
  process.stdout.write(held)
  return results
}

function summaryLine({ label }, result) {
  if (result.reason !== undefined) return `${label}: SKIPPED as a whole: ${result.reason}`
  const skipped = result.skipped === 0 ? '' : `, ${result.skipped} skipped`
  return `${label}: ${result.failed === 0 ? '' : `${result.failed} FAILED, `}${result.passed} passed${skipped}`
}

/** What to run, and what only that needs of set-up. */
function parseArguments([option, value, ...rest]) {
  if (option === '--group') return groupRun(oneOf(GROUPS, value, '--group'), rest)
  if (option === '--only') return { names: [oneOf(SUITES, value, '--only')], args: rest, needs: ['native', 'python'] }
  const args = [option, value, ...rest].filter((word) => word !== undefined)
  return { names: args.length === 0 ? Object.keys(SUITES) : ['unit'], args, needs: ['native', 'python'] }
}

function groupRun(group, rest) {
  // A filter of vitest is a part of a path; the pattern without its wildcards is one. With a dash it would be an option.
  const filters = GROUPS[group].map((pattern) => pattern.replace(/\/\*\*.*$/, '/').replace(/^.*\*-?/, ''))
  return { names: ['unit'], args: [...filters, ...rest], needs: needsOf(group) }
}

function oneOf(table, value, option) {
  const names = Object.keys(table)
  if (names.includes(value)) return value
  throw new SetupError(`${option} ${value ?? ''}: the choice is ${names.join(', ')}`)
}

/** The files of a group are excluded unless the arguments of the process name them. */
function nameOnCommandLine(args) {
  process.argv.push(...args.filter((word) => !process.argv.includes(word)))
}

function printLeftOut() {
  const commands = Object.keys(GROUPS).map((group) => `test:${group}`)
  process.stdout.write(`(not asked for, by npm run: ${commands.join(', ')})\n`)
}

try {
  const { names, args, needs } = parseArguments(process.argv.slice(2))
  await setUp({ needs })
  nameOnCommandLine(args)
  const results = await runAll(names, args)
  const lines = results.map((result, i) => summaryLine(SUITES[names[i]], result))
  const failed = results.some((result) => result.failed > 0)
  process.stdout.write(`\n${lines.join('\n')}\n`)
  if (names.length < Object.keys(SUITES).length) process.stdout.write('(the other suites were not asked for)\n')
  else printLeftOut()
  process.exitCode = failed ? 1 : 0
} catch (error) {
  report(error)
}
