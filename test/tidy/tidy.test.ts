// The rules of CONTRIBUTING.md that a machine can check.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ERRORS } from '../../src/errors.ts'
import { type ProjectFile, projectFiles, ROOT } from './project-files.ts'
import { importsOf, RULES, withoutComments } from './rules.ts'

const textOf = (path: string): string => projectFiles.find((file) => file.path === path)?.text ?? ''

describe.each(RULES.map((rule) => [rule.name, rule] as const))('the project %s', (_name, rule) => {
  it('everywhere', () => {
    const found = projectFiles
      .filter((file) => rule.applies.test(file.path))
      .flatMap((file) => rule.problems(file).map((problem) => `${file.path}: ${problem}`))
    expect(found).toEqual([])
  })

  it('and the check finds a file that does not', () => {
    expect(rule.bad.path).toMatch(rule.applies)
    expect(rule.problems(rule.bad)).not.toEqual([])
  })
})

describe('the reading of sources', () => {
  it('sees every way to name a module', () => {
    const text = [
      "import a from 'm1'",
      "import type { B } from 'm2'",
      "import {\n  c,\n  d,\n} from 'm3'",
      "import 'm4'",
      "export * from 'm5'",
      "const f = await import('m6')",
      "type G = import('m7').G",
      "const h = require('m8')",
    ].join('\n')
    expect(importsOf(text)).toEqual(['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8'])
  })

  it('leaves comments out and addresses in', () => {
    expect(withoutComments("a // import 'x'\n/* Date.now() */ const url = 'wss://host'")).toBe(
      "a \n const url = 'wss://host'",
    )
  })

  it('reaches the sources, and leaves out what git ignores', () => {
    const paths = projectFiles.map((file) => file.path)
    expect(paths).toEqual(
      expect.arrayContaining(['src/errors.ts', 'native/format/record.h', 'package.json', '.ci/run']),
    )
    expect(paths.filter((path) => /^(node_modules|dist|build|\.git|\.venv)\//.test(path))).toEqual([])
  })
})

describe('src/records/layout.ts', () => {
  it('is what the C++ structs print', (context) => {
    const program = `${ROOT}build/release/print_layout`
    if (!existsSync(program)) context.skip('build/release/print_layout is not built')
    expect(textOf('src/records/layout.ts')).toBe(execFileSync(program, { encoding: 'utf8' }))
  })
})

describe('docs/OPERATING.md', () => {
  const unlisted = (file: ProjectFile): string[] =>
    Object.entries(ERRORS).flatMap(([code, [exitCode]]) => {
      const line = file.text.split('\n').find((text) => text.includes(`\`${code}\``))
      if (line === undefined) return [`${code} is not listed`]
      return new RegExp(`\\b${exitCode}\\b`).test(line) ? [] : [`${code} is listed without its exit code ${exitCode}`]
    })

  it('lists every error code with its exit code', () => {
    expect(unlisted({ path: '', text: textOf('docs/OPERATING.md') })).toEqual([])
  })

  it('and the check finds a code without its exit code', () => {
    expect(unlisted({ path: '', text: '| `TF_USAGE` | 1 |' })).toContain('TF_USAGE is listed without its exit code 2')
  })

  it('names no code that does not exist', () => {
    const named = textOf('docs/OPERATING.md').match(/\bTF_[A-Z_]+\b/g) ?? []
    expect(named.filter((code) => !Object.hasOwn(ERRORS, code))).toEqual([])
  })
})
