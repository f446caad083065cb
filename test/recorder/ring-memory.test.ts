// When a ring's frames are published, and what of them a refusal takes back. The ring is ordinary memory that nobody drains.
import { describe, expect, it } from 'vitest'
import {
  RING_CONSUMER_WAITING,
  RING_DROPPED_TOTAL,
  RING_HEAD,
  RING_TAIL,
  RING_WAKE_POSITION,
} from '../../src/native/binding.ts'
import { RingMemory, type RingOwner, type WhenFull } from '../../src/recorder/ring-memory.ts'
import { CellWriter } from '../../src/records/cell-writer.ts'
import * as L from '../../src/records/layout.ts'

const CAPACITY = 512

/** Positions count modulo 2^32: the ring begins at `start`. */
function ringAt(start: number, whenFull: WhenFull = 'drop') {
  const control = new Int32Array(RING_DROPPED_TOTAL + 2)
  control[RING_HEAD] = start
  control[RING_TAIL] = start
  const counters = { wakes: 0 }
  const owner = {
    ringCells: new ArrayBuffer(2 * CAPACITY * L.CELL_BYTES),
    ringControl: control.buffer,
    wake: () => counters.wakes++,
    waitForSpace: () => true,
    error: () => null,
    stalled: () => null,
  } as unknown as RingOwner
  const memory = new RingMemory(owner, whenFull)
  const writer = new CellWriter(memory, memory.position)
  const frame = (records: number, cells = 1): void => {
    writer.beginFrame(1, 2, 3, 4)
    for (let i = 0; i < records; i++) writer.begin(L.RecordType.text, cells, L.Flag.last, 0, 0, 0)
    writer.endFrame()
  }
  const frames = (count: number): void => {
    for (let i = 0; i < count; i++) frame(1)
  }
  return { control, counters, memory, writer, frame, frames, head: () => ((control[RING_HEAD] as number) - start) | 0 }
}

/** What was to be done at the end of the turn is done. */
const nextTurn = (): Promise<void> => new Promise((done) => setImmediate(done))

// The last two pass the largest and the smallest position.
describe.each([0, 0x7fff_ffe0, -0x20])('a ring that begins at position %i', (start) => {
  it('publishes 64 cells at once, and what is less at the end of the turn', async () => {
    const { frames, head } = ringAt(start)
    frames(63)
    expect(head()).toBe(0)
    frames(1)
    expect(head()).toBe(64)
    frames(10)
    expect(head()).toBe(64)
    await nextTurn()
    expect(head()).toBe(74)
    frames(1)
    expect(head()).toBe(74)
    await nextTurn()
    expect(head()).toBe(75)
    frames(64)
    expect(head()).toBe(139)
  })

  it('counts anew when something else has published meanwhile', async () => {
    const { memory, frames, head } = ringAt(start)
    frames(60)
    memory.publishAll()
    expect(head()).toBe(60)
    frames(63)
    expect(head()).toBe(60)
    frames(1)
    expect(head()).toBe(124)
    frames(1)
    await nextTurn()
    expect(head()).toBe(125)
  })

  it('publishes nothing of a frame before its end', async () => {
    const { writer, frame, head } = ringAt(start)
    frame(2)
    writer.beginFrame(1, 2, 3, 4)
    for (let i = 0; i < 100; i++) writer.begin(L.RecordType.text, 2, L.Flag.last, 0, 0, 0)
    await nextTurn()
    expect(head()).toBe(2)
    writer.endFrame()
    expect(head()).toBe(202)
  })

  it('publishes the frames before one that finds no room, and takes only that one back', async () => {
    const { writer, frame, head, control } = ringAt(start)
    frame(3)
    expect(() => frame(2, 255)).toThrow(expect.objectContaining({ code: 'TF_RING_FULL', records: 2 }))
    writer.rollback()
    expect([head(), writer.records]).toEqual([3, 3])
    frame(1, 255)
    frame(2, 127)
    await nextTurn()
    expect([head(), writer.records]).toEqual([512, 6])
    expect(() => frame(1)).toThrow(expect.objectContaining({ code: 'TF_RING_FULL', records: 1 }))
    writer.rollback()
    control[RING_TAIL] = (start + 3) | 0
    frame(3)
    await nextTurn()
    expect(head()).toBe(515)
  })

  it('wakes a sleeping writer when it has what it wants, and not before', async () => {
    const { control, counters, frames } = ringAt(start)
    control[RING_CONSUMER_WAITING] = 1
    control[RING_WAKE_POSITION] = (start + 100) | 0
    frames(64)
    frames(35)
    await nextTurn()
    expect(counters.wakes).toBe(0)
    frames(1)
    await nextTurn()
    expect(counters.wakes).toBe(1)
  })
})

it('refuses a frame larger than the ring in any case', () => {
  const { writer, frame, head } = ringAt(0, 'block')
  expect(() => frame(3, 200)).toThrow(expect.objectContaining({ code: 'TF_FRAME_TOO_LARGE' }))
  writer.rollback()
  frame(64)
  expect(head()).toBe(64)
})
