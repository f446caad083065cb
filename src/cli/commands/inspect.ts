import { statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Command } from 'commander'
import { TickforgeError } from '../../errors.ts'
import { listSegments, type SegmentFile } from '../../log/directory.ts'
import { forEachRecord, Segment } from '../../log/segment.ts'
import * as L from '../../records/layout.ts'
import { RecordViews } from '../../records/record-view.ts'
import { formatTime } from '../../records/time.ts'
import { wholeFrom } from '../options.ts'
import { bytes, count, print, printJson, table, toJson } from '../output.ts'
import { printable } from '../printable.ts'

interface Options {
  blocks?: boolean
  block?: number
  limit: number
  json?: boolean
}

export function addInspect(program: Command): void {
  program
    .command('inspect')
    .description('show decoded headers, blocks and records')
    .argument('<path>', 'a directory or one segment file')
    .option('--blocks', 'list the blocks of each segment')
    .option('--block <number>', 'show the header and the records of one block', wholeFrom(0, Number.MAX_SAFE_INTEGER))
    .option('--limit <records>', 'at most so many records of the block', wholeFrom(1, Number.MAX_SAFE_INTEGER), 50)
    .option('--json', 'print one JSON document')
    .action(async (path: string, options: Options) => {
      const described = files(path).map((file) => describe(file, options))
      if (options.json === true) {
        await printJson({ segments: described })
        return
      }
      for (const segment of described) await print(toText(segment))
    })
}

/** The segments of a directory, or the one file that is named. */
function files(path: string): SegmentFile[] {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat?.isFile() !== true) return listSegments(path)
  const file = path.endsWith('.tfs')
    ? listSegments(dirname(path)).find((candidate) => basename(candidate.path) === basename(path))
    : undefined
  if (file === undefined)
    throw new TickforgeError('TF_FOREIGN_DIRECTORY', `'${path}' is not named like a segment of tickforge`, { path })
  return [file]
}

type Described = ReturnType<typeof describe>

function describe(file: SegmentFile, options: Options) {
  const segment = new Segment(file)
  try {
    const { native } = segment
    const blocks =
      options.block !== undefined
        ? [oneBlock(segment, options.block, options.limit)]
        : options.blocks === true
          ? Array.from({ length: segment.blockCount }, (_, i) => block(segment, i, 0))
          : []
    return {
      path: file.path,
      journal: file.journal,
      day: file.day,
      part: file.part,
      version: native.version,
      segment_id: native.segmentId.toString(16).padStart(16, '0'),
      blocks: segment.blockCount,
      records: native.recordCount,
      file_bytes: native.fileBytes,
      valid_bytes: native.validBytes,
      index: native.indexState,
      closed: native.closed,
      limit: file.limit ?? null,
      from: segment.blockCount === 0 ? null : formatTime(segment.minTsRecv),
      to: segment.blockCount === 0 ? null : formatTime(segment.maxTsRecv),
      instruments: segment.definitions.flatMap((d) =>
        d === undefined
          ? []
          : [
              {
                number: d.number,
                instrument: d.key,
                price_decimals: d.priceDecimals,
                size_decimals: d.sizeDecimals,
                adapter: d.adapter,
              },
            ],
      ),
      block_list: blocks,
    }
  } finally {
    segment.close()
  }
}

const FLAG_NAMES = Object.entries(L.BlockFlag)

interface DescribedBlock {
  block: number
  /** False for a block that fails its CRC or is gone: of it only its place is known. */
  readable: boolean
  offset: number
  /** Whose records it holds: 0 is the process that opened the journal. */
  producer?: number
  records?: number
  first_record?: bigint
  payload_length?: number
  from?: string
  to?: string
  flags?: string[]
  payload_crc?: string
  content: Record<string, unknown>[]
}

/** A block as it stands in the file, with up to `limit` of its records. */
function block(segment: Segment, number: number, limit: number): DescribedBlock {
  const window = segment.window(number, number + 1, 1)
  const offset = window.offset
  const content: Record<string, unknown>[] = []
  if (window.unreadable.has(0)) return { block: number, readable: false, offset, content }
  const header = new DataView(window.buffer, 0, L.BLOCK_HEADER_BYTES)
  const flags = header.getUint16(L.BLOCK_FLAGS, true)
  const views = new RecordViews(window.area)
  if (limit > 0) {
    forEachRecord(window, (at) => {
      content.push(views.view(window.area, at)?.toJson() ?? { type: `unknown ${window.area.u8[at + L.HEAD_TYPE]}` })
      return content.length < limit
    })
  }
  return {
    block: number,
    readable: true,
    offset,
    records: header.getUint32(L.BLOCK_RECORD_COUNT, true),
    first_record: header.getBigUint64(L.BLOCK_FIRST_RECORD, true),
    payload_length: header.getUint32(L.BLOCK_PAYLOAD_LENGTH, true),
    from: formatTime(header.getBigInt64(L.BLOCK_MIN_TS_RECV, true)),
    to: formatTime(header.getBigInt64(L.BLOCK_MAX_TS_RECV, true)),
    producer: flags >> L.BLOCK_PRODUCER_SHIFT,
    flags: FLAG_NAMES.filter(([, bit]) => (flags & bit) !== 0).map(([name]) => name),
    payload_crc: header.getUint32(L.BLOCK_PAYLOAD_CRC, true).toString(16).padStart(8, '0'),
    content,
  }
}

/** One block with its records. Throws TF_EMPTY_RANGE, TF_CORRUPT. */
function oneBlock(segment: Segment, number: number, limit: number): DescribedBlock {
  const { path } = segment.file
  if (!(number >= 0 && number < segment.blockCount)) {
    throw new TickforgeError('TF_EMPTY_RANGE', `'${path}' has the blocks 0 to ${segment.blockCount - 1}, not ${number}`)
  }
  const described = block(segment, number, limit)
  if (!described.readable) {
    throw new TickforgeError('TF_CORRUPT', `block ${number} of '${path}' fails its CRC`, { path })
  }
  return described
}

function toText(segment: Described): string {
  const lines = [
    printable(segment.path),
    `  version ${segment.version}, segment ${segment.segment_id}, journal ${segment.journal}, part ${segment.part}`,
    `  ${count(segment.records)} records in ${count(segment.blocks)} blocks, ${bytes(segment.file_bytes)}, index ${segment.index}, ${segment.closed ? 'closed in order' : 'not closed'}`,
    `  ${segment.from ?? '-'} to ${segment.to ?? '-'}`,
  ]
  if (segment.limit !== null) {
    lines.push(`  ends before record ${segment.limit}: what follows is written again in the next part`)
  }
  for (const one of segment.instruments) {
    lines.push(
      printable(
        `  instrument ${one.number}: ${one.instrument}, ${one.price_decimals} price and ${one.size_decimals} size decimals (${one.adapter})`,
      ),
    )
  }
  let text = `${lines.join('\n')}\n`
  if (segment.block_list.length > 0) {
    const rows = segment.block_list.map((b) => [
      String(b.block),
      String(b.offset),
      count(b.records ?? 0),
      String(b.payload_length ?? '-'),
      b.from ?? '-',
      b.to ?? '-',
      b.payload_crc ?? '-',
      String(b.producer ?? '-'),
      b.readable ? (b.flags ?? []).join(' ') : 'UNREADABLE',
    ])
    text += table(
      ['BLOCK', 'OFFSET', 'RECORDS', 'BYTES', 'FROM', 'TO', 'CRC', 'PRODUCER', 'FLAGS'],
      rows,
      new Set([0, 1, 2, 3]),
    )
    for (const b of segment.block_list) for (const record of b.content) text += `${toJson(record)}\n`
  }
  return text
}
