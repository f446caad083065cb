// src into dist: what tsc writes, made fit for a package.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { run } from './command.mjs'
import { ROOT } from './paths.mjs'
import { filesUnder } from './stamps.mjs'

const OUTPUTS = ['.d.ts', '.js', '.js.map']

/** What tsc writes of all modules of src, relative to the project. */
function outputsOfSrc() {
  const modules = filesUnder(ROOT, 'src').filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
  return modules.flatMap((file) => OUTPUTS.map((ending) => `dist/${file.slice('src/'.length, -'.ts'.length)}${ending}`))
}

/** Every module of src has its output. tsc believes its .tsbuildinfo and would not write a lost file again. */
export function distComplete() {
  const there = new Set(filesUnder(ROOT, 'dist'))
  return outputsOfSrc().every((file) => there.has(file))
}

export async function buildTypescript() {
  if (!distComplete()) rmSync(`${ROOT}/dist/.tsbuildinfo`, { force: true })
  await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'])
  const wanted = new Set(outputsOfSrc())
  for (const file of filesUnder(ROOT, 'dist')) {
    if (file.endsWith('.d.ts')) nameOutputs(`${ROOT}/${file}`)
    // Of a module that is no more: it would be packed.
    if (OUTPUTS.some((ending) => file.endsWith(ending)) && !wanted.has(file)) rmSync(`${ROOT}/${file}`)
  }
}

/** tsc leaves `./x.ts` in declarations, which is no file of the package: `./x.js`, where x.d.ts is looked for. */
function nameOutputs(path) {
  const text = readFileSync(path, 'utf8')
  const named = withOutputNames(text)
  if (named !== text) writeFileSync(path, named)
}

export function withOutputNames(text) {
  return text.replace(/(\bfrom |\bimport\(|\bimport )(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, '$1$2$3.js$2')
}
