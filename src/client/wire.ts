// Bytes of the ingest protocol, version 1 (docs/PROTOCOL.md): what a client sends, and the answers that it reads.
import { loadNative } from '../native/binding.ts'

export const HELLO_MAGIC = 0x31434689
export const PROTOCOL_VERSION = 1
export const TOKEN_BYTES_MAX = 1024
const HELLO_BYTES = 16
const BATCH_HEADER_BYTES = 24
const ANSWER_HEADER_BYTES = 16

/** Which watermark an acknowledgement is about. Each one includes those before. */
export const LEVELS = ['none', 'appended', 'written', 'durable'] as const
export type Level = (typeof LEVELS)[number]

export function encodeHello(level: Level, token: Buffer): Buffer {
  const hello = Buffer.alloc(HELLO_BYTES + token.length)
  hello.writeUInt32LE(HELLO_MAGIC, 0)
  hello.writeUInt16LE(PROTOCOL_VERSION, 4)
  hello.writeUInt8(LEVELS.indexOf(level), 6)
  hello.writeUInt16LE(token.length, 8)
  hello.writeUInt32LE(loadNative().crc32c(hello.subarray(0, 12)), 12)
  token.copy(hello, HELLO_BYTES)
  return hello
}

/** A header and a copy of the records. */
export function encodeBatch(batch: number, cells: Uint8Array): Buffer {
  const message = Buffer.allocUnsafe(BATCH_HEADER_BYTES + cells.length)
  message.writeBigUInt64LE(BigInt(batch), 0)
  message.writeUInt32LE(cells.length, 8)
  message.writeUInt32LE(loadNative().crc32c(cells), 12)
  message.writeUInt32LE(0, 16)
  message.writeUInt32LE(loadNative().crc32c(message.subarray(0, 20)), 20)
  message.set(cells, BATCH_HEADER_BYTES)
  return message
}

export interface Welcome {
  kind: 'welcome'
  version: number
  payloadBytesMax: number
  /** A client that sends nothing for so long is closed; 0 = never. */
  idleMs: number
  instrumentsMax: number
  connectionsMax: number
}

export type Answer =
  | Welcome
  /** Every batch up to this one has reached the level, but for those that were refused. */
  | { kind: 'acknowledged'; batch: number }
  /** Nothing of the batch is recorded; the connection goes on. */
  | { kind: 'refused'; batch: number; code: number; text: string }
  /** The connection ends. */
  | { kind: 'error'; batch: number; code: number; text: string }

const WELCOME_BYTES = 40

/** Cuts a stream into answers. Throws on bytes that are none. */
export class AnswerReader {
  #rest: Buffer = Buffer.alloc(0)

  /** The answers that are complete with these bytes. */
  read(bytes: Buffer): Answer[] {
    const answers: Answer[] = []
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    while (rest.length >= ANSWER_HEADER_BYTES) {
      const length = rest.readUInt16LE(0)
      if (length < ANSWER_HEADER_BYTES) throw new Error(`an answer of ${length} bytes`)
      if (rest.length < length) break
      const answer = decode(rest.subarray(0, length))
      rest = rest.subarray(length)
      // A later version may say more: what this one does not know is passed over.
      if (answer !== undefined) answers.push(answer)
    }
    this.#rest = Buffer.from(rest)
    return answers
  }
}

function decode(bytes: Buffer): Answer | undefined {
  const batch = Number(bytes.readBigUInt64LE(8))
  const code = bytes.readUInt16LE(4)
  const text = (): string => bytes.toString('utf8', ANSWER_HEADER_BYTES)
  switch (bytes.readUInt8(2)) {
    case 1:
      if (bytes.length < WELCOME_BYTES) throw new Error(`a welcome of ${bytes.length} bytes`)
      return {
        kind: 'welcome',
        version: bytes.readUInt16LE(16),
        payloadBytesMax: bytes.readUInt32LE(20),
        idleMs: bytes.readUInt32LE(24),
        instrumentsMax: bytes.readUInt32LE(28),
        connectionsMax: bytes.readUInt32LE(32),
      }
    case 2:
      return { kind: 'acknowledged', batch }
    case 3:
      return { kind: 'refused', batch, code, text: text() }
    case 4:
      return { kind: 'error', batch, code, text: text() }
    default:
      return undefined
  }
}
