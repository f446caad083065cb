// Stamps: a step of set-up is skipped while the hash of its inputs is the one it last succeeded with.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Every file under `root/path`, or the file itself, as sorted paths relative to `root`. A missing path has none. */
export function filesUnder(root, path) {
  const stat = statSync(join(root, path), { throwIfNoEntry: false })
  if (stat === undefined) return []
  if (stat.isFile()) return [path]
  const entries = readdirSync(join(root, path), { withFileTypes: true })
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  return entries.flatMap((entry) => {
    if (entry.isDirectory()) return filesUnder(root, join(path, entry.name))
    return entry.isFile() ? [join(path, entry.name)] : []
  })
}

/** SHA-256 over the names and contents of all files under `paths`, and over the strings in `facts`. */
export function digest(root, paths, facts = []) {
  const hash = createHash('sha256')
  for (const path of paths) {
    for (const file of filesUnder(root, path)) {
      const content = readFileSync(join(root, file))
      hash.update(`${file}\0${content.length}\0`).update(content)
    }
  }
  return hash.update(JSON.stringify(facts)).digest('hex')
}

/** The stamps of one checkout, a small file each. */
export class Stamps {
  constructor(directory) {
    this.directory = directory
  }

  read(name) {
    try {
      return readFileSync(join(this.directory, name), 'utf8')
    } catch {
      return undefined
    }
  }

  /** Replaces the stamp in one step, so that a kill leaves the old one or the new one. */
  write(name, value) {
    mkdirSync(this.directory, { recursive: true })
    const temporary = join(this.directory, `${name}.${process.pid}`)
    writeFileSync(temporary, value)
    renameSync(temporary, join(this.directory, name))
  }

  remove(name) {
    rmSync(join(this.directory, name), { force: true })
  }
}
