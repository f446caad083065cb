// The rules of the project that a machine can check, as data. Each has a bad sample, which must be found:
// a rule that finds nothing any more fails its own test instead of passing for ever.
import { posix } from 'node:path'
import type { ProjectFile } from './project-files.ts'

export interface Rule {
  /** Completes the sentence "the project ...". */
  name: string
  /** What the rule looks at. */
  applies: RegExp
  /** Problems of one file, as short texts; empty when there are none. */
  problems(file: ProjectFile): string[]
  /** A file that breaks the rule. */
  bad: ProjectFile
}

/** Source without comments. A `//` counts only behind a space or at the start of a line, so that URLs stay. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}

/** Every module that a TypeScript source names: imports, re-exports, dynamic imports, types and values alike. */
export function importsOf(text: string): string[] {
  const forms = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)['"]([^'"]+)['"]/g
  return [...withoutComments(text).matchAll(forms)].map((match) => match[1] ?? '')
}

/** Path in the project that a relative import names, the specifier itself for a package. */
function target(file: ProjectFile, specifier: string): string {
  return specifier.startsWith('.') ? posix.join(posix.dirname(file.path), specifier) : specifier
}

function matches(file: ProjectFile, pattern: RegExp): string[] {
  return [...withoutComments(file.text).matchAll(new RegExp(pattern, 'g'))].map((match) => match[0].trim())
}

/** The unit of layering: 'records' for src/records/layout.ts, 'errors' for src/errors.ts. */
function part(path: string): string {
  return path
    .replace(/^(src|native)\//, '')
    .replace(/\/.*$/, '')
    .replace(/\.ts$/, '')
}

const FACTS = ['records', 'errors', 'version']
const LIBRARY = [
  'open-log',
  'client',
  'import',
  'simulate',
  'recorder',
  'serve',
  'export',
  'tail',
  'replay',
  'log',
  'native',
  'feeds',
  'integrity',
  ...FACTS,
]

/** What each part of src may import, besides itself. Types count. Whoever adds an edge says why in ARCHITECTURE.md. */
const SRC_LAYERS: Record<string, string[]> = {
  errors: [],
  version: [],
  records: ['errors'],
  integrity: FACTS,
  feeds: ['integrity', ...FACTS],
  native: FACTS,
  log: ['native', 'integrity', ...FACTS],
  replay: ['log', 'integrity', ...FACTS],
  // The same records as replay, while they are being recorded.
  tail: ['replay', 'native', ...FACTS],
  export: ['replay', 'log', 'native', ...FACTS],
  recorder: ['log', 'native', 'feeds', 'integrity', ...FACTS],
  // What other processes use to send records to a recorder.
  client: ['native', 'feeds', 'integrity', ...FACTS],
  serve: ['recorder', 'native', ...FACTS],
  import: ['recorder', 'log', 'native', 'feeds', 'integrity', ...FACTS],
  simulate: ['import', 'feeds', 'integrity', ...FACTS],
  // The facade over everything that reads: what openLog() gives.
  'open-log': ['replay', 'tail', 'export', 'log', 'native', ...FACTS],
  index: LIBRARY,
  cli: ['index', ...LIBRARY],
}

const NATIVE_LAYERS: Record<string, string[]> = {
  base: [],
  format: ['base'],
  ring: ['base', 'format'],
  // The writer hands the kernel the ring's own memory, so that a record is not copied on its way to the disk.
  journal: ['base', 'format', 'ring'],
  columns: ['base', 'format'],
  lines: ['base', 'format'],
  ingest: ['base', 'format', 'ring', 'lines'],
  // Of ingest the bytes of the protocol alone, which need nothing else.
  client: ['base', 'format', 'ingest'],
  tail: ['base', 'format', 'ring', 'journal'],
  core: ['base', 'format', 'ring', 'journal', 'columns'],
  addon: ['base', 'format', 'ring', 'journal', 'columns', 'core', 'lines', 'ingest', 'tail'],
}

/** May use everything, and nothing uses them. */
const TESTING = ['test', 'testing', 'simulation', 'stress', 'fuzz', 'examples']

const PACKAGES: { names: string; pattern: RegExp; home: RegExp; bad: string }[] = [
  { names: 'ws', pattern: /^ws$/, home: /^src\/(recorder|simulate)\//, bad: "import x from 'ws'" },
  {
    names: 'apache-arrow and parquet-wasm',
    pattern: /^(apache-arrow|parquet-wasm|nodejs-polars)(\/|$)/,
    home: /^src\/export\//,
    bad: "import type { Table } from 'apache-arrow/Arrow.node'",
  },
]

const TEXT_BANS: { name: string; pattern: RegExp; applies: RegExp; home?: RegExp; bad: ProjectFile }[] = [
  {
    name: 'reads a clock only in its clock files, the command line and the simulator',
    pattern: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bhrtime\b/,
    applies: /^src\/.*\.ts$/,
    home: /^src\/(recorder\/clock\.ts|native\/|cli\/|simulate\/)/,
    bad: { path: 'src/recorder/session.ts', text: 'const received = Date.now()' },
  },
  {
    name: 'turns no text of a venue into a float',
    pattern: /\bparseFloat\(|\bNumber\(/,
    applies: /^src\/feeds\//,
    bad: { path: 'src/feeds/kraken/normalize.ts', text: 'const price = Number(level[0])' },
  },
  {
    name: 'runs every test, and runs it once',
    pattern: /\b(it|test|describe)\.(only|todo)\b|\bretry:/,
    applies: /^test\/.*\.test\.ts$|^vitest\.config\.ts$/,
    bad: { path: 'test/feeds/kraken.test.ts', text: "describe.only('kraken', () => {})" },
  },
  {
    name: 'includes the headers of Node only in native/addon',
    pattern: /#include\s*[<"](napi|node_api|js_native_api)\.h[>"]/,
    applies: /^native\/.*\.(h|cpp)$/,
    home: /^native\/addon\//,
    bad: { path: 'native/core/recorder_core.h', text: '#include <napi.h>' },
  },
  {
    name: 'talks to io_uring only in native/journal/io_ring.cpp',
    pattern: /#include\s*[<"]liburing\.h[>"]/,
    applies: /^native\/.*\.(h|cpp)$/,
    home: /^native\/journal\/io_ring\.cpp$/,
    bad: { path: 'native/journal/writer.cpp', text: '#include <liburing.h>' },
  },
  {
    name: 'talks to epoll only in native/ingest/epoll_loop.cpp',
    pattern: /\bepoll_(create1?|ctl|p?wait2?)\(|#include\s*[<"]sys\/(epoll|eventfd)\.h[>"]/,
    applies: /^native\/.*\.(h|cpp)$/,
    home: /^native\/ingest\/epoll_loop\.cpp$/,
    bad: { path: 'native/ingest/server.cpp', text: '#include <sys/epoll.h>' },
  },
]

const layerRule = (
  name: string,
  root: string,
  layers: Record<string, string[]>,
  named: (file: ProjectFile) => string[],
  bad: ProjectFile,
): Rule => ({
  name,
  applies: new RegExp(`^${root}/.*\\.(ts|h|cpp)$`),
  problems: (file) => {
    const own = part(file.path)
    const allowed = layers[own]
    if (allowed === undefined) return TESTING.includes(own) ? [] : [`${own} has no line in the table of layers`]
    return named(file)
      .map((path) => part(path))
      .filter((other) => other !== own && !allowed.includes(other))
      .map((other) => `${own} must not use ${other}`)
  },
  bad,
})

const includesOf = (file: ProjectFile): string[] =>
  [...withoutComments(file.text).matchAll(/#include\s*"([^"]+\/[^"]+)"/g)].map((match) => match[1] ?? '')

const sourcesOf = (file: ProjectFile): string[] =>
  importsOf(file.text)
    .map((name) => target(file, name))
    .filter((path) => path.startsWith('src/'))

const venueOf = (path: string): string | undefined => path.match(/^src\/feeds\/([^/]+)\//)?.[1]

function stripped(notebook: ProjectFile): string[] {
  interface Cell {
    cell_type: string
    outputs?: unknown[]
    execution_count?: number | null
  }
  const { cells } = JSON.parse(notebook.text) as { cells: Cell[] }
  return cells.flatMap((cell, i) =>
    cell.cell_type === 'code' && ((cell.outputs ?? []).length > 0 || (cell.execution_count ?? null) !== null)
      ? [`cell ${i} holds an output`]
      : [],
  )
}

function inexactPins(manifest: ProjectFile): string[] {
  const parsed = JSON.parse(manifest.text) as Record<string, Record<string, string> | undefined>
  return ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((group) =>
    Object.entries(parsed[group] ?? {})
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
      .map(([name, version]) => `${name} ${version}`),
  )
}

/** Written so that it does not find itself. */
const PLACES = /(?<![\w.~}])\/(home|root|work|Users)\/[\w.-]+|registry[.]npmjs|python[h]osted|pypi[.]org|"resolved["]:/g

export const RULES: Rule[] = [
  layerRule('keeps the direction of dependencies in src', 'src', SRC_LAYERS, sourcesOf, {
    path: 'src/feeds/kraken/normalize.ts',
    text: "import { open } from '../../native/binding.ts'",
  }),
  layerRule('keeps the direction of dependencies in native', 'native', NATIVE_LAYERS, includesOf, {
    path: 'native/ring/spsc_ring.h',
    text: '#include "journal/writer.h"',
  }),
  {
    name: 'lets no venue import another venue',
    applies: /^src\/feeds\/[^/]+\//,
    problems: (file) =>
      sourcesOf(file).filter((path) => venueOf(path) !== undefined && venueOf(path) !== venueOf(file.path)),
    bad: { path: 'src/feeds/kraken/book.ts', text: "export * from '../binance/book.ts'" },
  },
  {
    name: 'loads the addon in src/native/binding.ts only',
    applies: /^src\/(?!native\/binding\.ts).*\.ts$/,
    problems: (file) => matches(file, /createRequire\(|\bprocess\.dlopen\(|['"][^'"]*tickforge\.node['"]/),
    bad: { path: 'src/log/log.ts', text: 'const load = createRequire(import.meta.url)' },
  },
  ...PACKAGES.map(
    ({ names, pattern, home, bad }): Rule => ({
      name: `imports ${names} only under ${home.source.replaceAll('\\', '')}`,
      applies: /^src\/.*\.ts$/,
      problems: (file) => (home.test(file.path) ? [] : importsOf(file.text).filter((name) => pattern.test(name))),
      bad: { path: 'src/feeds/feed.ts', text: bad },
    }),
  ),
  ...TEXT_BANS.map(
    ({ name, pattern, applies, home, bad }): Rule => ({
      name,
      applies,
      problems: (file) => (home?.test(file.path) === true ? [] : matches(file, pattern)),
      bad,
    }),
  ),
  {
    name: 'pins its npm packages exactly',
    applies: /^package\.json$/,
    problems: inexactPins,
    bad: { path: 'package.json', text: '{"dependencies": {"ws": "^8.23.0"}}' },
  },
  {
    name: 'pins its Python packages exactly',
    applies: /requirements.*\.txt$/,
    problems: (file) => file.text.split('\n').filter((line) => !/^(#.*|[\w-]+==[\d.]+)?$/.test(line)),
    bad: { path: 'tools/requirements.txt', text: 'polars>=2' },
  },
  {
    name: 'names no place of one machine and no registry host',
    applies: /^/,
    problems: (file) => [...file.text.matchAll(PLACES)].map((match) => match[0]),
    bad: { path: 'docs/README.md', text: `see ${['', 'home', 'me', 'tickforge'].join('/')}` },
  },
  {
    name: 'keeps notebooks without outputs',
    applies: /\.ipynb$/,
    problems: stripped,
    bad: {
      path: 'notebooks/a.ipynb',
      text: '{"cells": [{"cell_type": "code", "execution_count": 1, "outputs": [{}]}]}',
    },
  },
]
