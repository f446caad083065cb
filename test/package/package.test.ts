// What `npm pack` makes, used by strangers: every supported Node, no compiler, every way in which TypeScript resolves modules.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../../scripts/lib/paths.mjs'
import { sharedDirectory } from '../helpers/temporary.ts'
import { type Packed, Project, pack, pathWithNode } from './installed.ts'

/** Of the tarball. Of it the native core is a third. */
const MAX_BYTES = 2_000_000
const ALLOWED = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^bin\/tickforge(-build)?\.mjs$/,
  /^dist\/[\w/.-]+\.(js|js\.map|d\.ts)$/,
  /^docs\/\w+\.md$/,
  /^native\/(addon|base|client|columns|core|examples|format|ingest|journal|lines|ring|tail)\/\w+\.(h|cpp|map)$/,
  /^native\/CMake(Lists\.txt|Presets\.json)$/,
  /^prebuilds\/linux-\w+\/tickforge\.node$/,
  /^scripts\/lib\/(command|native-build|paths|progress|system-packages)\.mjs$/,
]
const NEEDED = [
  'LICENSE',
  'README.md',
  'dist/index.d.ts',
  'dist/index.js',
  'dist/cli/main.js',
  'native/addon/exports.map',
  `prebuilds/linux-${process.arch}/tickforge.node`,
]
const TIMEOUT_MS = 600_000

const directory = sharedDirectory()
let packed: Packed
let project: Project

beforeAll(async () => {
  packed = await pack(directory)
  project = new Project(join(directory, 'project'), await pathWithNode(directory, 22))
  const { code, stderr } = await project.run('npm', ['install', '--no-audit', '--no-fund', packed.file])
  if (code !== 0) throw new Error(`npm install of the package: ${stderr}`)
  cpSync(join(import.meta.dirname, 'session.mjs'), join(project.directory, 'session.mjs'))
}, TIMEOUT_MS)

describe('the tarball', () => {
  it('holds the programs, their sources in C++, the documents and nothing else', () => {
    expect(packed.files.filter((path) => !ALLOWED.some((pattern) => pattern.test(path)))).toEqual([])
    expect(NEEDED.filter((path) => !packed.files.includes(path))).toEqual([])
    expect(packed.size).toBeLessThan(MAX_BYTES)
  })

  it('is what publint and "are the types wrong" ask for', { timeout: TIMEOUT_MS }, async () => {
    const tool = (name: string, ...args: string[]) =>
      project.run(process.execPath, [join(ROOT, 'node_modules', name), ...args], process.env.PATH)
    const publint = await tool('publint/src/cli.js', packed.file, '--strict')
    expect(publint.code, publint.stdout + publint.stderr).toBe(0)
    const types = await tool('@arethetypeswrong/cli/dist/index.js', packed.file, '--profile', 'esm-only')
    expect(types.code, types.stdout + types.stderr).toBe(0)
  })

  it('runs no script when it is installed', () => {
    const { scripts } = JSON.parse(project.read('node_modules/tickforge/package.json')) as { scripts: object }
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([])
  })
})

describe('the installed package', () => {
  it.each([20, 22, 24, 26])(
    'records, lists, verifies and exports with Node %i and no compiler',
    { timeout: TIMEOUT_MS },
    async (major) => {
      const path = major === 22 ? project.path : await pathWithNode(directory, major)
      rmSync(join(project.directory, 'data'), { recursive: true, force: true })
      const help = await project.run('npx', ['tickforge', '--help'], path)
      expect(help.stdout, help.stderr).toContain('Usage: tickforge')
      const session = await project.run('node', ['session.mjs'], path)
      expect(session.code, session.stderr).toBe(0)
      const told = JSON.parse(session.stdout) as { node: string; trades: number; rows: number }
      expect(told).toMatchObject({ ok: true, verified: true, listed: true })
      expect(told.node).toMatch(new RegExp(`^${major}\\.`))
      expect(told.trades).toBeGreaterThan(0)
      expect(told.rows).toBe(told.trades)
    },
  )

  it.each(['node16', 'nodenext', 'bundler'])(
    'has declarations that resolve under %s',
    { timeout: TIMEOUT_MS },
    async (resolution) => {
      project.write(
        'use.ts',
        "import { type Log, openLog, Recorder } from 'tickforge'\nexport const log: Promise<Log> = openLog('data')\nexport const recorder = (): Recorder => new Recorder({ directory: 'data', instruments: [] })\nconst wrong: string = openLog('data')\n",
      )
      const module = resolution === 'bundler' ? 'esnext' : resolution
      const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
      const { stdout } = await project.run(process.execPath, [
        compiler,
        'use.ts',
        '--ignoreConfig',
        '--noEmit',
        '--strict',
        '--target',
        'es2023',
        '--types',
        'node',
        '--module',
        module,
        '--moduleResolution',
        resolution,
      ])
      // Types that resolve to `any` would let the last line pass.
      expect(stdout.trim()).toMatch(/^use\.ts\(4,7\): error TS2322: .*[^\n]*$/)
    },
  )
})

describe('a machine without a prebuilt core', () => {
  it('names what is needed at first use, and builds the core from the package', { timeout: TIMEOUT_MS }, async () => {
    const other = new Project(join(directory, 'other'), project.path)
    cpSync(join(project.directory, 'node_modules'), join(other.directory, 'node_modules'), {
      recursive: true,
      verbatimSymlinks: true,
    })
    cpSync(join(project.directory, 'session.mjs'), join(other.directory, 'session.mjs'))
    rmSync(join(other.directory, 'node_modules/tickforge/prebuilds'), { recursive: true })
    const before = await other.run('npx', ['tickforge', 'verify', '.'])
    expect(before.code).toBe(3)
    expect(before.stderr).toMatch(/TF_NATIVE_MISSING[\s\S]*npx tickforge-build[\s\S]*liburing/)

    const without = await other.run('npx', ['tickforge-build'])
    expect(without.code).toBe(1)
    expect(without.stderr).toMatch(/the build needs[\s\S]*g\+\+ cmake ninja-build/)

    const compilers = `${other.path}:${process.env.PATH}`
    const built = await other.run('npx', ['tickforge-build'], compilers)
    expect(built.code, built.stdout + built.stderr).toBe(0)
    const session = await other.run('node', ['session.mjs'])
    expect(session.code, session.stderr).toBe(0)
    expect(JSON.parse(session.stdout)).toMatchObject({ ok: true, verified: true })
  })
})
