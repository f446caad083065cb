// Frames to records, through the normalisers, into any memory of cells.

import type { Normalizer, Stamp } from '../../src/feeds/feed.ts'
import { adapterFor, findVenue } from '../../src/feeds/registry.ts'
import type { CellWriter } from '../../src/records/cell-writer.ts'
import { GapCause } from '../../src/records/layout.ts'
import type { GoldenFrame } from './frames.ts'

/** Feeds all frames; the same frames give the same cells. */
export function encode(frames: readonly GoldenFrame[], writer: CellWriter): void {
  const normalizers = new Map<string, Normalizer>()
  const stamp: Stamp = { low: 0, high: 0 }
  let instruments = 0
  for (const one of frames) {
    stamp.low = Number(BigInt.asIntN(32, one.tsRecv))
    stamp.high = Number(one.tsRecv >> 32n)
    const venue = findVenue(one.venue)
    const adapter = adapterFor(venue, { url: one.url })
    let normalizer = normalizers.get(adapter.name)
    if (normalizer === undefined) {
      normalizer = adapter.createNormalizer({
        venue: venue.name,
        writer,
        stamp,
        nextInstrument: () => ++instruments,
        warn: () => undefined,
      })
      normalizers.set(adapter.name, normalizer)
    }
    const bytes = Buffer.from(one.text ?? '', 'utf8')
    if (one.kind === 'open') normalizer.opened(one.connection, one.url)
    else if (one.kind === 'close') normalizer.closed(one.connection, 1000, 'golden')
    else if (one.kind === 'lost') normalizer.interrupted(one.connection, GapCause.disconnect)
    else if (one.kind === 'rest') normalizer.rest(one.connection, one.path as string, bytes)
    else normalizer.frame(one.connection, bytes, false)
    normalizer.takeRequests()
  }
  for (const normalizer of normalizers.values()) normalizer.stopped()
}
