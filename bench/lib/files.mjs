// Files of a run, and the plain writes that ours are compared with.
import { closeSync, fdatasyncSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { listSegments } from '../../dist/log/directory.js'
import { loadNative } from '../../dist/native/binding.js'
import { BlockFlag, INDEX_ENTRY_BYTES, INDEX_FLAGS } from '../../dist/records/layout.js'
import { expectEqual } from './measure.mjs'

export const MIB = 1 << 20

export function freshDirectory(parent) {
  return mkdtempSync(join(parent, 'log-'))
}

export function removeDirectory(path) {
  rmSync(path, { recursive: true, force: true })
}

/** One MiB that is not all zero, so that no layer below can take a short cut. */
export function preparedMemory() {
  const memory = Buffer.allocUnsafeSlow(MIB)
  for (let i = 0; i < MIB; i++) memory[i] = (i * 167) >> 3
  return memory
}

/** Writes `bytes` bytes in pieces of 1 MiB to a new file, synced as asked for: 'end' or 'each' (fdatasync) or 'file' (fsync). */
export function writePlain(path, bytes, memory, sync) {
  const file = openSync(path, 'wx')
  try {
    for (let done = 0; done < bytes; ) {
      done += writeSync(file, memory, 0, Math.min(MIB, bytes - done), done)
      if (sync === 'each') fdatasyncSync(file)
    }
    if (sync === 'file') fsyncSync(file)
    else fdatasyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** The marks that the writer left in a directory's segments, by their indexes: one a block. */
export function countMarks(directory) {
  let marks = 0
  for (const { path } of listSegments(directory)) {
    const index = readFileSync(path.replace(/tfs$/, 'tfi'))
    for (let entry = INDEX_ENTRY_BYTES; entry < index.length; entry += INDEX_ENTRY_BYTES)
      if ((index.readUInt16LE(entry + INDEX_FLAGS) & BlockFlag.hasMark) !== 0) marks++
  }
  return marks
}

/** Reads every byte of a directory's segments, checks each CRC and the order, and returns the count of records, marks left out. */
export function scanWhole(directory) {
  let records = 0
  for (const { path } of listSegments(directory)) {
    const scan = loadNative().scanSegment(path)
    expectEqual(`corrupt blocks of ${path}`, scan.corruptBlocks, 0)
    expectEqual(`torn bytes of ${path}`, scan.tornTailBytes, 0)
    expectEqual(`order errors of ${path}`, scan.orderErrors, 0)
    expectEqual(`index of ${path}`, scan.indexState, 'ok')
    records += Number(scan.records)
  }
  return records - countMarks(directory)
}
