// Damage done to segments on purpose.
import { closeSync, openSync, readdirSync, readSync, writeSync } from 'node:fs'
import { listSegments } from '../../src/log/directory.ts'
import { loadNative } from '../../src/native/binding.ts'
import * as L from '../../src/records/layout.ts'

/** Path of the only segment of a directory. */
export function segmentPath(directory: string): string {
  const files = listSegments(directory)
  if (files.length !== 1) throw new Error(`${directory} holds ${readdirSync(directory).join(', ')}`)
  return (files[0] as { path: string }).path
}

export const indexPath = (directory: string): string => segmentPath(directory).replace(/\.tfs$/, '.tfi')

/** Byte offsets of the blocks of a segment, in order. */
export function blockOffsets(path: string): number[] {
  const segment = loadNative().openSegment(path)
  const words = new BigUint64Array(segment.index.slice(0))
  segment.close()
  return Array.from({ length: words.length / 8 }, (_, i) => Number(words[i * 8 + L.INDEX_OFFSET / 8]))
}

/** Changes one byte of a file. */
export function flipByte(path: string, offset: number): void {
  const fd = openSync(path, 'r+')
  const byte = new Uint8Array(1)
  readSync(fd, byte, 0, 1, offset)
  byte[0] = (byte[0] as number) ^ 0xff
  writeSync(fd, byte, 0, 1, offset)
  closeSync(fd)
}

/** Damages the payload of one block, or its header. */
export function damageBlock(directory: string, block: number, part: 'payload' | 'header'): void {
  const path = segmentPath(directory)
  const offset = blockOffsets(path)[block] as number
  flipByte(path, part === 'header' ? offset + 20 : offset + L.BLOCK_HEADER_BYTES + 40)
}

/** Replaces bytes of a file. */
export function overwrite(path: string, offset: number, bytes: Uint8Array): void {
  const fd = openSync(path, 'r+')
  writeSync(fd, bytes, 0, bytes.length, offset)
  closeSync(fd)
}

/** CRC-32C of the 60 bytes before it, as headers and index entries carry it. */
export function seal(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(60, loadNative().crc32c(bytes.subarray(0, 60)), true)
  return bytes
}
