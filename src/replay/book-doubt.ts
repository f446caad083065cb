// Why a book is not proved to be the venue's.

const TEXTS = {
  no_snapshot: 'no whole book was recorded yet',
  waiting_for_join: 'a snapshot is in the book, and no update has followed on it yet',
  gap: 'something is missing; a new snapshot is needed',
  drop: 'records were dropped; a new snapshot is needed',
  not_continuous: 'an update does not follow on the one before, and no gap is on record',
  maybe_bad_book: 'the recorder knew that the book may be wrong',
  connection: 'its connection ended; the next one begins with a new snapshot',
  checksum: "the book does not give the venue's checksum",
  crossed: 'the best bid is not below the best ask',
} as const

export type BookDoubtCode = keyof typeof TEXTS

/** Why a book is not proved to be the venue's. */
export interface BookDoubt {
  readonly code: BookDoubtCode
  /** The same for people. */
  readonly text: string
  /** Receive time (ns) of the event since which it is so. */
  readonly since: bigint
  /** Cause of the gap or drop on record ('sequence', 'disconnect' ...), where there is one. */
  readonly cause: string | undefined
}

export function doubt(code: BookDoubtCode, since: bigint, cause?: string): BookDoubt {
  return { code, text: cause === undefined ? TEXTS[code] : `${TEXTS[code]} (${cause})`, since, cause }
}
