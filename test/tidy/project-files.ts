// The text files of the checkout, without what .gitignore leaves out. No git is called: an export has no .git.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export interface ProjectFile {
  /** Relative to the root, with forward slashes. */
  path: string
  text: string
}

const BINARY = /\.(tfs|tfi|bin|arrow|ipc|parquet|gz|zst|png|node)$/

const ignored = readFileSync(`${ROOT}.gitignore`, 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.replace(/\/$/, ''))

function isIgnored(path: string, name: string): boolean {
  return (
    name === '.git' ||
    ignored.some((pattern) =>
      pattern.startsWith('*')
        ? name.endsWith(pattern.slice(1))
        : pattern.includes('/')
          ? path === pattern
          : name === pattern,
    )
  )
}

function walk(folder: string): ProjectFile[] {
  return readdirSync(ROOT + folder, { withFileTypes: true }).flatMap((entry) => {
    const path = folder + entry.name
    if (isIgnored(path, entry.name)) return []
    if (entry.isDirectory()) return walk(`${path}/`)
    return entry.isFile() && !BINARY.test(path) ? [{ path, text: readFileSync(ROOT + path, 'utf8') }] : []
  })
}

export const projectFiles: readonly ProjectFile[] = walk('')
