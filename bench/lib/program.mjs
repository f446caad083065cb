// The native side of the benchmarks: programs that measure one thing and print it as a line of JSON.
import { execFile, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const BUILD = fileURLToPath(new URL('../../build/release', import.meta.url))
export const PROGRAM = `${BUILD}/tickforge_bench`

/** Builds it; quick when that is done. Rejects with what the compiler said. */
export async function buildProgram() {
  await new Promise((done, failed) => {
    execFile('cmake', ['--build', BUILD, '--target', 'tickforge_bench'], (error, stdout, stderr) => {
      if (error) failed(new Error(`building tickforge_bench failed\n${stdout}${stderr}`))
      else done()
    })
  })
}

/** Words of a command line from `{ key: value }`. */
export function words(name, options) {
  return [name, ...Object.entries(options).map(([key, value]) => `${key}=${value}`)]
}

/** Runs `tickforge_bench NAME key=value ...` to its end; resolves to its report. */
export function runProgram(name, options = {}) {
  return startProgram(name, options).report
}

const READY = /^ready (\d+)\n/

/**
 * Starts one that others have to meet: `ready` resolves to N when it has printed the line "ready N", `report` when it has ended.
 * Who no longer wants it calls stop().
 */
export function startProgram(name, options = {}) {
  const child = spawn(PROGRAM, words(name, options), { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let complaint = ''
  let isReady
  const ready = new Promise((resolve) => {
    isReady = resolve
  })
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
    const line = output.match(READY)
    if (line !== null) isReady(Number(line[1]))
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaint += text
  })
  const report = new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(output.replace(READY, '')))
      else reject(new Error(complaint.trim() || `tickforge_bench ${name} ended with ${signal ?? code}`))
    })
  })
  // Whoever waits for one of the two hears of a failure.
  report.catch(() => {})
  return { pid: child.pid, ready: Promise.race([ready, report]), report, stop: () => child.kill() }
}
