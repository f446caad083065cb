// Reads cryptofeed's captures for tests, where they are at hand.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { TestContext } from 'vitest'

const CAPTURES = process.env.TICKFORGE_CAPTURES ?? resolve(import.meta.dirname, '../../../shared/captures')

export interface CapturedLine {
  t: 'header' | 'http' | 'connect' | 'send' | 'recv'
  conn: string
  ts: string
  addr?: string
  url?: string
  data?: string
}

/** The lines of one of cryptofeed's files in order of time; skips the test where it, or zstd, is missing. */
export function capture(context: TestContext, name: string): CapturedLine[] {
  const file = resolve(CAPTURES, 'cryptofeed-v3', `${name}.jsonl.zst`)
  if (!existsSync(file)) context.skip(`needs the capture cryptofeed-v3/${name}`)
  let text: string
  try {
    text = execFileSync('zstd', ['-dqc', file], { maxBuffer: 1 << 28, encoding: 'utf8' })
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code === 'ENOENT') context.skip('needs the zstd command')
    throw thrown
  }
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as CapturedLine)
    .filter((line) => line.t !== 'header')
  return lines.sort((a, b) => Number(a.ts) - Number(b.ts))
}

/** Single frames of today's protocols by file name, "ws_book_update.json"; skips the test where they are missing. */
export function singleFrames(context: TestContext, venue: string): Map<string, string> {
  const folder = resolve(CAPTURES, 'nautilus-frames', venue)
  if (!existsSync(folder)) context.skip(`needs the captures nautilus-frames/${venue}`)
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(resolve(folder, name), 'utf8')]))
}

/** What a capture of frames is fed to. */
interface Target {
  opened(connection: number, url: string): void
  frame(connection: number, frame: string): unknown
  rest(connection: number, path: string, body: string): unknown
}

/** Feeds a whole capture; REST answers belong to connection 1, which is the first one of the file. */
export function play(lines: readonly CapturedLine[], target: Target): void {
  const connections = new Map<string, number>()
  for (const line of lines) {
    if (line.t === 'connect') {
      connections.set(line.conn, connections.size + 1)
      target.opened(connections.size, line.addr ?? '')
    } else if (line.t === 'http') {
      const url = new URL(line.url ?? '')
      target.rest(1, url.pathname + url.search, line.data ?? '')
    } else if (line.t === 'recv') {
      target.frame(connections.get(line.conn) as number, line.data ?? '')
    }
  }
}
