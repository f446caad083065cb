// Any capture that the readers know, as what a playback needs: frames by connection in order of time, REST answers apart.

import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { TickforgeError } from '../errors.ts'
import { type CaptureEvent, type CaptureRecord, captureError, readHead } from '../import/capture.ts'
import { findCryptofeedSessions, readCryptofeed } from '../import/cryptofeed.ts'
import { readHftbacktest } from '../import/hftbacktest.ts'

/** A REST answer of a capture. */
export interface CapturedAnswer {
  tsRecv: bigint
  /** Path and query below the host. */
  url: URL
  body: Uint8Array
}

/** A frame, or the answer that the recorder of the capture got between two frames. */
export type PlaybackEvent =
  | { kind: 'frame'; tsRecv: bigint; data: Uint8Array; binary: boolean }
  | { kind: 'answer'; tsRecv: bigint; answer: CapturedAnswer }

export interface CaptureSource {
  /** Connections with frames, in the order in which they were opened. */
  connections: readonly string[]
  answers: readonly CapturedAnswer[]
  frames: number
  /** What arrived on one connection, or on all of them, in order of time; answers come on every one. */
  play(connection: string | undefined): AsyncIterable<PlaybackEvent[]>
}

/** Paths of URLs need a host to be parsed; it is never looked at. */
const ANY_HOST = 'http://capture'
const MARKET_BYTES = 4096

/**
 * Opens captures of one recorder: hftbacktest logs, whose files are merged by time, or one session of cryptofeed.
 * Every file is read once to find its REST answers and count its frames.
 * @param depthPath path of REST answers that do not name theirs
 * @throws TF_NO_FILE, TF_IO, TF_UNKNOWN_FORMAT
 */
export async function openCapture(paths: readonly string[], depthPath: string | undefined): Promise<CaptureSource> {
  const formats = new Set<string>()
  for (const path of paths) formats.add(await formatOf(path))
  if (formats.size !== 1) {
    throw new TickforgeError('TF_UNKNOWN_FORMAT', `${paths.join(', ')}: files of one recorder can be played together`)
  }
  const source = formats.has('cryptofeed') ? await openCryptofeed(paths) : await openHftbacktest(paths, depthPath)
  if (source.frames === 0) {
    throw new TickforgeError('TF_UNKNOWN_FORMAT', `${paths.join(', ')} holds no frame`, { path: paths[0]! })
  }
  return source
}

async function formatOf(path: string): Promise<'cryptofeed' | 'hftbacktest'> {
  const name = basename(path)
  if (/\.(zst|jsonl)$/.test(name) || /\.(ws|http)\.\d+\.\d+$/.test(name)) return 'cryptofeed'
  try {
    if ((await stat(path)).isDirectory()) return 'cryptofeed'
  } catch (thrown) {
    throw captureError(path, thrown)
  }
  const head = Buffer.from(await readHead(path, MARKET_BYTES))
  if ((head[0] === 0x1f && head[1] === 0x8b) || /^\d{13,19} /.test(head.toString('latin1'))) return 'hftbacktest'
  throw new TickforgeError('TF_UNKNOWN_FORMAT', `${path} is neither a log of hftbacktest nor a capture of cryptofeed`, {
    path,
  })
}

async function openCryptofeed(paths: readonly string[]): Promise<CaptureSource> {
  const sessions = await findCryptofeedSessions(paths)
  if (sessions.length > 1) {
    const names = sessions.map((session) => session.files[0]).join(', ')
    throw new TickforgeError(
      'TF_UNKNOWN_FORMAT',
      `one session can be played at a time, and there are several: ${names}`,
    )
  }
  const { events } = await readCryptofeed(sessions[0]!)
  const played: { connection: string; event: PlaybackEvent }[] = []
  const opened = new Set<string>()
  const withFrames = new Set<string>()
  const answers: CapturedAnswer[] = []
  let frames = 0
  for (const event of events) {
    if (event.kind === 'open') opened.add(event.connection)
    else if (event.kind === 'frame') {
      frames++
      withFrames.add(event.connection)
      played.push({ connection: event.connection, event: frameOf(event) })
    } else if (event.kind === 'rest') {
      const answer = { tsRecv: event.tsRecv, url: new URL(event.url, ANY_HOST), body: event.data }
      answers.push(answer)
      played.push({ connection: '', event: { kind: 'answer', tsRecv: event.tsRecv, answer } })
    }
  }
  const connections = [...new Set([...opened, ...withFrames])].filter((name) => withFrames.has(name))
  return {
    connections,
    answers,
    frames,
    async *play(connection) {
      yield played
        .filter((one) => connection === undefined || one.connection === connection || one.connection === '')
        .map((one) => one.event)
    },
  }
}

async function openHftbacktest(paths: readonly string[], depthPath: string | undefined): Promise<CaptureSource> {
  let frames = 0
  const answers: CapturedAnswer[] = []
  /** By the payload's place: file and number of the answer in it. */
  const byFile = new Map<string, CapturedAnswer[]>()
  for (const path of paths) {
    const own: CapturedAnswer[] = []
    let symbol = ''
    for await (const events of readHftbacktest(path)) {
      for (const event of events) {
        if (event.kind === 'frame') {
          if (symbol === '') symbol = symbolOf(event.data)
          frames++
        } else if (event.kind === 'rest') {
          // The symbol may come after the answer, so the address is completed below. The body is copied out of its chunk.
          own.push({ tsRecv: event.tsRecv, url: new URL(depthPath ?? '/depth', ANY_HOST), body: event.data.slice() })
        }
      }
    }
    for (const answer of own) if (symbol !== '') answer.url.searchParams.set('symbol', symbol)
    byFile.set(path, own)
    answers.push(...own)
  }
  answers.sort((a, b) => (a.tsRecv < b.tsRecv ? -1 : a.tsRecv > b.tsRecv ? 1 : 0))
  return {
    connections: paths,
    answers,
    frames,
    play(connection) {
      const parts = paths.map((path) =>
        playFile(path, byFile.get(path)!, connection === undefined || connection === path),
      )
      return parts.length === 1 ? parts[0]! : mergeByTime(parts)
    },
  }
}

/** Upper case symbol of a combined stream's frame: the logs of one file have one symbol. */
function symbolOf(data: Uint8Array): string {
  const head = Buffer.from(data.buffer, data.byteOffset, Math.min(data.byteLength, 128)).toString('latin1')
  return /"stream"\s*:\s*"([^"@]+)@/.exec(head)?.[1]?.toUpperCase() ?? ''
}

async function* playFile(
  path: string,
  answers: readonly CapturedAnswer[],
  withFrames: boolean,
): AsyncGenerator<PlaybackEvent[]> {
  let answered = 0
  for await (const events of readHftbacktest(path)) {
    const batch: PlaybackEvent[] = []
    for (const event of events as CaptureEvent[]) {
      if (event.kind === 'frame' && withFrames) batch.push(frameOf(event))
      else if (event.kind === 'rest') batch.push({ kind: 'answer', tsRecv: event.tsRecv, answer: answers[answered++]! })
    }
    if (batch.length > 0) yield batch
  }
}

function frameOf(event: CaptureRecord): PlaybackEvent {
  return { kind: 'frame', tsRecv: event.tsRecv, data: event.data, binary: event.binary }
}

/** Merges sequences by time; each keeps its own order, and of equal times the earlier sequence goes first. */
export async function* mergeByTime(parts: readonly AsyncIterable<PlaybackEvent[]>[]): AsyncGenerator<PlaybackEvent[]> {
  const heads: { batch: PlaybackEvent[]; at: number; rest: AsyncIterator<PlaybackEvent[]> }[] = []
  try {
    for (const part of parts) {
      const rest = part[Symbol.asyncIterator]()
      const first = await rest.next()
      if (first.done !== true) heads.push({ batch: first.value, at: 0, rest })
    }
    while (heads.length > 0) {
      const merged: PlaybackEvent[] = []
      let ended = false
      while (!ended) {
        let next = heads[0]!
        for (const head of heads) if (head.batch[head.at]!.tsRecv < next.batch[next.at]!.tsRecv) next = head
        merged.push(next.batch[next.at++]!)
        if (next.at < next.batch.length) continue
        ended = true
        const more = await next.rest.next()
        if (more.done === true) heads.splice(heads.indexOf(next), 1)
        else {
          next.batch = more.value
          next.at = 0
        }
      }
      yield merged
    }
  } finally {
    for (const head of heads) await head.rest.return?.()
  }
}
