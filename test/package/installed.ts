// The package as a stranger gets it: packed, installed into an empty project, run without a compiler, by any Node.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from '../../scripts/lib/paths.mjs'

const run = promisify(execFile)
/** Kept between runs: the binaries of Node and what npm fetched. */
const CACHE = join(tmpdir(), 'tickforge-package-cache')
/** The programs of a machine without a compiler. */
const PROGRAMS = ['sh', 'env', 'tar', 'gzip']

export interface Packed {
  file: string
  /** Bytes of the tarball. */
  size: number
  files: string[]
}

/** Packs the checkout as `npm publish` would, or takes the tarball that TICKFORGE_PACKAGE names. */
export async function pack(directory: string): Promise<Packed> {
  const file = process.env.TICKFORGE_PACKAGE ?? (await packCheckout(directory))
  const { stdout } = await run('tar', ['-tzf', file])
  const files = stdout
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''))
  return { file, size: statSync(file).size, files: files.sort() }
}

async function packCheckout(directory: string): Promise<string> {
  await run('npm', ['pack', '--pack-destination', directory], { cwd: ROOT, maxBuffer: 2 ** 24 })
  const [name] = readdirSync(directory).filter((entry) => entry.endsWith('.tgz'))
  if (name === undefined) throw new Error('npm pack wrote no tarball')
  return join(directory, name)
}

/** A PATH that holds `node` of a major version, npm's programs and a shell: nothing that compiles. */
export async function pathWithNode(directory: string, major: number): Promise<string> {
  const folder = join(directory, `path-${major}`)
  if (existsSync(folder)) return folder
  mkdirSync(folder)
  symlinkSync(await nodeBinary(major), join(folder, 'node'))
  const npm = (await run('sh', ['-c', 'command -v npm'])).stdout.trim()
  for (const name of ['npm', 'npx']) symlinkSync(join(dirname(npm), name), join(folder, name))
  for (const name of PROGRAMS) {
    const [place] = ['/usr/bin', '/bin'].map((bin) => join(bin, name)).filter(existsSync)
    if (place !== undefined) symlinkSync(place, join(folder, name))
  }
  return folder
}

/** The newest Node of a major version that npm has, fetched once a machine. */
async function nodeBinary(major: number): Promise<string> {
  const home = join(CACHE, `node-${major}`)
  const name = `node-linux-${process.arch}`
  const binary = join(home, 'node_modules', name, 'bin/node')
  if (!existsSync(binary)) {
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, 'package.json'), '{"private":true}')
    // 20.19 is the oldest that the package supports.
    const range = major === 20 ? '>=20.19.0 <21' : `^${major}`
    await run('npm', ['install', '--no-audit', '--no-fund', `${name}@${range}`], { cwd: home })
  }
  return binary
}

/** What this machine says of registry, proxy and certificates: an empty HOME and another Node do not find it. */
async function npmSettings(): Promise<Record<string, string>> {
  const get = async (name: string) => (await run('npm', ['config', 'get', name], { cwd: ROOT })).stdout.trim()
  const [registry, userconfig, globalconfig] = await Promise.all(['registry', 'userconfig', 'globalconfig'].map(get))
  const passed = Object.entries(process.env).filter(([name]) => /^(https?|no)_proxy$|^NODE_EXTRA_CA_CERTS$/i.test(name))
  return {
    ...(Object.fromEntries(passed) as Record<string, string>),
    npm_config_registry: registry ?? '',
    npm_config_userconfig: userconfig ?? '',
    npm_config_globalconfig: globalconfig ?? '',
    npm_config_cache: join(CACHE, 'npm'),
  }
}

let settings: Promise<Record<string, string>> | undefined

/** An empty project with a HOME of its own. Commands see nothing else of this machine. */
export class Project {
  readonly directory: string
  readonly path: string

  constructor(directory: string, path: string) {
    this.directory = directory
    this.path = path
    mkdirSync(join(directory, 'home'), { recursive: true })
    writeFileSync(join(directory, 'package.json'), '{"private":true,"type":"module"}')
  }

  async run(
    program: string,
    args: string[],
    path = this.path,
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    settings ??= npmSettings()
    const env = { ...(await settings), HOME: join(this.directory, 'home'), PATH: path }
    try {
      const { stdout, stderr } = await run(program, args, { cwd: this.directory, env, maxBuffer: 2 ** 24 })
      return { code: 0, stdout, stderr }
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
      return { code, stdout, stderr }
    }
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text)
  }

  read(name: string): string {
    return readFileSync(join(this.directory, name), 'utf8')
  }
}
