// The native core as the npm package brings it: for an old glibc and any x86-64, by the compiler of `zig`.
import { chmodSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { run, SetupError } from './command.mjs'
import { buildAddon } from './native-build.mjs'
import { ROOT } from './paths.mjs'
import { timed, whereOf } from './progress.mjs'
import { digest, Stamps } from './stamps.mjs'

/** Node's own binaries need glibc 2.28: nobody who can run them is left out. */
const GLIBC_MINOR = 28
const COMPILER_PACKAGE = 'ziglang==0.17.1'
const COMPILER = `${ROOT}/build/zig`
const ZIG = `${COMPILER}/ziglang/zig`
const PREBUILT = `${ROOT}/prebuilds/linux-x64/tickforge.node`

const stamps = new Stamps(`${ROOT}/.setup`)

/** Builds what the package lacks, or has of other sources. */
export async function buildPrebuilds() {
  const sources = ['native', 'package-lock.json', 'scripts/lib/prebuilds.mjs', 'scripts/lib/native-build.mjs']
  const inputs = digest(ROOT, sources)
  if (existsSync(PREBUILT) && stamps.read('prebuild') === inputs) return
  rmSync(`${ROOT}/prebuilds`, { recursive: true, force: true })
  const settings = await compilerSettings()
  await timed('prebuilt native core', (tell) =>
    buildAddon(PREBUILT, { folder: 'build/prebuild', settings, onText: (text) => tell(whereOf(text)) }),
  )
  const glibc = await checkPrebuilt()
  if (glibc <= GLIBC_MINOR) stamps.write('prebuild', inputs)
  else process.stdout.write(`set-up: this package needs glibc 2.${glibc}: it is for this system and newer ones only\n`)
}

/** CMake settings for a compiler that links against old versions of glibc and runs on this machine. */
async function compilerSettings() {
  try {
    if (!existsSync(ZIG)) await timed(`compiler ${COMPILER_PACKAGE} into build/zig`, fetchCompiler)
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    process.stdout.write(`${error.output}\nset-up: goes on with the compiler of this system: ${error.message}\n`)
    return {}
  }
  // Headers of the system are not for another glibc; those of the two libraries depend on none.
  const include = `${COMPILER}/include`
  mkdirSync(include, { recursive: true })
  for (const name of ['liburing.h', 'liburing', 'http_parser.h']) {
    cpSync(`/usr/include/${name}`, `${include}/${name}`, { recursive: true })
  }
  return {
    CMAKE_C_COMPILER: wrapper('cc'),
    CMAKE_CXX_COMPILER: wrapper('c++'),
    URING_LIBRARY: await systemArchive('liburing.a'),
    HTTP_PARSER_LIBRARY: await systemArchive('libhttp_parser.a'),
    URING_INCLUDE: include,
    HTTP_PARSER_INCLUDE: include,
  }
}

/** Where the system's compiler finds a static library: CMake looks in no folder of this machine for another target. */
async function systemArchive(name) {
  return (await run('c++', [`-print-file-name=${name}`])).trim()
}

/** A compiler that CMake can call by one name. Its target is the oldest x86-64, not the machine that builds. */
function wrapper(language) {
  const file = `${COMPILER}/${language}`
  // With -O2 in CMake's own trials as well: without it they build another libc++ that nothing uses.
  const options = `-O2 -target x86_64-linux-gnu.2.${GLIBC_MINOR} -fno-sanitize=undefined`
  writeFileSync(file, `#!/bin/sh\nexec "${ZIG}" ${language} ${options} "$@"\n`)
  chmodSync(file, 0o755)
  return file
}

async function fetchCompiler(tell) {
  const onText = (text) => tell(whereOf(text))
  const environment = `${ROOT}/build/zig-pip`
  await run('python3', ['-m', 'venv', '--clear', environment])
  const pip = ['-m', 'pip', 'install', '--no-input', '--no-deps', '--target', COMPILER, COMPILER_PACKAGE]
  await run(`${environment}/bin/python`, pip, { onText })
  rmSync(environment, { recursive: true })
}

/** The file that will be shipped loads here and brings its libraries. Returns the minor version of the glibc that it needs. */
async function checkPrebuilt() {
  const symbols = await run('objdump', ['-T', '-p', PREBUILT])
  if (/GLIBCXX|NEEDED +lib(stdc\+\+|gcc|uring|http)/.test(symbols))
    throw new SetupError(`${PREBUILT} is not self-contained`)
  await run(process.execPath, ['-e', 'require(process.argv[1]).now()', PREBUILT])
  return Math.max(...[...symbols.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor)))
}
