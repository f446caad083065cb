import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const MAIN = fileURLToPath(new URL('../../bench/main.mjs', import.meta.url))
const BUILT = fileURLToPath(new URL('../../dist/index.js', import.meta.url))

interface Figure {
  figure: string
  unit: string
  /** A few have none. */
  limit?: { value: number }
  ours: { name: string; value: number }
  ratio?: number
  reached?: boolean
  verified: boolean
}

const FIGURES = [
  'durable',
  'durable latency',
  'ring',
  'lines',
  'day',
  'visible',
  'ingest',
  'idle',
  'from JavaScript',
  'journal',
  'import',
  'replay',
  'Arrow table',
  'Arrow file',
]

let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tickforge-bench-'))
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

function bench(...options: string[]): { status: number | null; stdout: string; stderr: string } {
  const args = [MAIN, '--dir', join(directory, 'files'), ...options]
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 100_000 })
}

describe('the benchmark', () => {
  it('measures and verifies every figure, judges none of a quick run, and leaves no files', {
    timeout: 120_000,
  }, (context) => {
    if (!existsSync(BUILT)) context.skip('needs dist: `npm run build`')
    const json = join(directory, 'results.jsonl')
    const { status, stdout, stderr } = bench('--quick', '--synthetic', '--json', json)
    expect(status, stderr).toBe(0)
    const lines = readFileSync(json, 'utf8').trim().split('\n')
    expect(lines).toHaveLength(1)
    const { figures, machine } = JSON.parse(lines[0] as string) as { figures: Figure[]; machine: { cores: number } }
    expect([...new Set(figures.map(({ figure }) => figure))]).toEqual(FIGURES)
    for (const figure of figures) {
      expect(figure.verified, figure.ours.name).toBe(true)
      expect(figure.reached).toBeUndefined()
      expect(figure.ours.value, figure.ours.name).toBeGreaterThanOrEqual(0)
      if (figure.limit !== undefined) {
        expect(figure.limit.value, figure.figure).toBeGreaterThan(0)
        expect(figure.ratio).toBeCloseTo(figure.ours.value / figure.limit.value)
      }
      expect(stdout).toContain(`${figure.figure}: ${figure.ours.name}`)
    }
    expect(machine.cores).toBeGreaterThan(0)
    expect(readdirSync(join(directory, 'files'))).toEqual([])
  })

  it('refuses a figure that it does not know', (context) => {
    if (!existsSync(BUILT)) context.skip('needs dist: `npm run build`')
    const { status, stderr } = bench('--only', 'import,nonsense')
    expect(status).toBe(2)
    expect(stderr).toContain("'nonsense' is not a figure")
  })

  it('says so when its directory cannot be made', (context) => {
    if (!existsSync(BUILT)) context.skip('needs dist: `npm run build`')
    const file = join(directory, 'a-file')
    writeFileSync(file, '')
    const { status, stderr } = bench('--only', 'journal', '--dir', file)
    expect(status).toBe(2)
    expect(stderr).toContain('a-file')
  })
})
