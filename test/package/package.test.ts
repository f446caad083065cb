// What `npm pack` makes, used by strangers: every supported Node, no compiler, every way in which TypeScript resolves modules.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../../scripts/lib/paths.mjs'
import { sharedDirectory } from '../helpers/temporary.ts'
import { type Packed, Project, pack, pathWithNode } from './installed.ts'

/** Of the tarball. Of it the native core is a third. */
const MAX_BYTES = 2_000_000
const ALLOWED = [
  /^(package\.json|README\.md|LICENSE|THIRD-PARTY-NOTICES|CHANGELOG\.md)$/,
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
  'THIRD-PARTY-NOTICES',
  'dist/index.d.ts',
  'dist/index.js',
  'dist/cli/main.js',
  'native/addon/exports.map',
  `prebuilds/linux-${process.arch}/tickforge.node`,
]
const MAJORS = [20, 22, 24, 26]
/** Compiling the native core takes minutes on a busy machine, as does fetching a Node. */
const LONG = { timeout: 600_000 }

const directory = sharedDirectory()
let tarball: Packed | undefined
let installed: Project | undefined

/** What an earlier test made. */
function made<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Error('the test that packs or installs has failed, or was not asked for')
  return thing
}

function tool(name: string, ...args: string[]) {
  const program = join(ROOT, 'node_modules', name)
  return made(installed).run(process.execPath, [program, ...args], process.env.PATH)
}

describe('the tarball', () => {
  it('is packed from a checkout', LONG, async () => {
    tarball = await pack(directory)
    expect(tarball.size).toBeLessThan(MAX_BYTES)
  })

  it('holds the programs, their sources in C++, the documents and nothing else', () => {
    const { files } = made(tarball)
    expect(files.filter((path) => !ALLOWED.some((pattern) => pattern.test(path)))).toEqual([])
    expect(NEEDED.filter((path) => !files.includes(path))).toEqual([])
  })

  it('is installed into an empty project without a compiler', LONG, async () => {
    const project = new Project(join(directory, 'project'), await pathWithNode(directory, 22))
    const { code, stderr } = await project.run('npm', ['install', '--no-audit', '--no-fund', made(tarball).file])
    expect(code, stderr).toBe(0)
    cpSync(join(import.meta.dirname, 'session.mjs'), join(project.directory, 'session.mjs'))
    installed = project
  })

  it('runs no script when it is installed', () => {
    const { scripts } = JSON.parse(made(installed).read('node_modules/tickforge/package.json')) as { scripts: object }
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([])
  })

  it('is what publint asks for', async () => {
    const { code, stdout, stderr } = await tool('publint/src/cli.js', made(tarball).file, '--strict')
    expect(code, stdout + stderr).toBe(0)
  })

  it('has the right types to "are the types wrong"', async () => {
    const attw = '@arethetypeswrong/cli/dist/index.js'
    const { code, stdout, stderr } = await tool(attw, made(tarball).file, '--profile', 'esm-only')
    expect(code, stdout + stderr).toBe(0)
  })
})

describe.each(MAJORS)('the installed package with Node %i and no compiler', (major) => {
  it('gets a Node of that version', LONG, async () => {
    const path = await pathWithNode(directory, major)
    const { stdout, stderr } = await made(installed).run('node', ['--version'], path)
    expect(stdout, stderr).toMatch(new RegExp(`^v${major}\\.`))
  })

  it('tells its usage', async () => {
    const path = await pathWithNode(directory, major)
    const help = await made(installed).run('npx', ['tickforge', '--help'], path)
    expect(help.stdout, help.stderr).toContain('Usage: tickforge')
  })

  it('records, lists, verifies and exports', async () => {
    const path = await pathWithNode(directory, major)
    rmSync(join(made(installed).directory, 'data'), { recursive: true, force: true })
    const session = await made(installed).run('node', ['session.mjs'], path)
    expect(session.code, session.stderr).toBe(0)
    const told = JSON.parse(session.stdout) as { trades: number; rows: number }
    expect(told).toMatchObject({ ok: true, verified: true, listed: true })
    expect(told.trades).toBeGreaterThan(0)
    expect(told.rows).toBe(told.trades)
  })
})

describe('the declarations of the installed package', () => {
  it.each(['node16', 'nodenext', 'bundler'])('resolve under %s', async (resolution) => {
    made(installed).write(
      'use.ts',
      "import { type Log, openLog, Recorder } from 'tickforge'\nexport const log: Promise<Log> = openLog('data')\nexport const recorder = (): Recorder => new Recorder({ directory: 'data', instruments: [] })\nconst wrong: string = openLog('data')\n",
    )
    const options = {
      target: 'es2023',
      types: 'node',
      module: resolution === 'bundler' ? 'esnext' : resolution,
      moduleResolution: resolution,
    }
    const flags = ['--ignoreConfig', '--noEmit', '--strict']
    for (const [name, value] of Object.entries(options)) flags.push(`--${name}`, value)
    const { stdout } = await tool('typescript/bin/tsc', 'use.ts', ...flags)
    // Types that resolve to `any` would let the last line pass.
    expect(stdout.trim()).toMatch(/^use\.ts\(4,7\): error TS2322: .*[^\n]*$/)
  })
})

describe('a machine without a prebuilt core', () => {
  let other: Project | undefined

  it('names at first use what is needed', async () => {
    const { directory: source, path } = made(installed)
    other = new Project(join(directory, 'other'), path)
    for (const name of ['node_modules', 'session.mjs', 'data']) {
      cpSync(join(source, name), join(other.directory, name), { recursive: true, verbatimSymlinks: true })
    }
    rmSync(join(other.directory, 'node_modules/tickforge/prebuilds'), { recursive: true })
    const { code, stderr } = await other.run('npx', ['tickforge', 'verify', 'data'])
    expect(code, stderr).toBe(3)
    expect(stderr).toMatch(/TF_NATIVE_MISSING[\s\S]*npx tickforge-build[\s\S]*liburing/)
  })

  it('names the packages that the build needs', async () => {
    const { code, stderr } = await made(other).run('npx', ['tickforge-build'])
    expect(code, stderr).toBe(1)
    expect(stderr).toMatch(/the build needs[\s\S]*g\+\+ cmake ninja-build/)
  })

  it('builds the core from the package', LONG, async () => {
    const compilers = `${made(other).path}:${process.env.PATH}`
    const { code, stdout, stderr } = await made(other).run('npx', ['tickforge-build'], compilers)
    expect(code, stdout + stderr).toBe(0)
  })

  it('records with the core that was built', async () => {
    rmSync(join(made(other).directory, 'data'), { recursive: true })
    const session = await made(other).run('node', ['session.mjs'])
    expect(session.code, session.stderr).toBe(0)
    expect(JSON.parse(session.stdout)).toMatchObject({ ok: true, verified: true })
  })
})
