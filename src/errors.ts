// Every error that a user can meet. `docs/OPERATING.md` lists the codes; a test holds the two together.

/** Code -> [exit code of the command line, what to do next]. */
export const ERRORS = {
  TF_USAGE: [2, 'see `tickforge --help`'],
  TF_BAD_TIME: [2, 'write a time as ISO 8601 (2024-08-08T23:54:16.172217566Z) or as integer nanoseconds since 1970'],
  TF_BAD_RANGE: [2, 'give --from a time before --to'],
  TF_UNKNOWN_VENUE: [2, 'see `tickforge venues` for the names'],
  TF_UNKNOWN_SYMBOL: [2, "check the venue's own spelling of the symbol"],
  TF_UNKNOWN_INSTRUMENT: [2, 'see `tickforge ls DIR` for what was recorded'],
  TF_UNKNOWN_FORMAT: [2, 'check that the file is a capture of the named recorder'],
  TF_IMPORT_INCOMPLETE: [
    12,
    'see the report: what was refused left nothing in the log, and the same command can be run again',
  ],
  TF_LINE_MAPPING: [2, 'see docs/INGEST.md, "A mapping of your own"'],
  TF_NATIVE_MISSING: [
    3,
    'run `npx tickforge-build` (in a clone: `npm run setup`); it needs g++ or clang++ with C++20, cmake, ninja, liburing and http-parser with their headers',
  ],
  TF_NO_DIRECTORY: [4, 'check the path'],
  TF_NO_FILE: [4, 'check the path'],
  TF_FOREIGN_DIRECTORY: [4, 'name a directory that tickforge recorded into'],
  TF_SCALE: [2, 'export the instruments one by one'],
  TF_EMPTY_RANGE: [4, 'see `tickforge ls DIR` for the time span of what was recorded'],
  TF_LOCKED: [5, 'stop the other recorder, or record into another directory'],
  TF_NOT_RECORDING: [5, 'start the recorder of that directory first'],
  TF_TOO_MANY_PRODUCERS: [5, 'end a producer that is no longer needed'],
  TF_SHARED_MEMORY: [6, 'give /dev/shm more room, or name another tmpfs in TICKFORGE_SHM'],
  TF_DISK_FULL: [6, 'free some space and start again: what was written is whole'],
  TF_IO: [6, 'check the disk and its permissions'],
  TF_NEWER_FORMAT: [7, 'install a newer tickforge'],
  TF_CORRUPT: [8, 'run `tickforge verify DIR` to see the extent'],
  TF_VERIFY_FAILED: [8, 'the report names the segments'],
  TF_CONNECT: [9, 'check the network and the address'],
  TF_VENUE_REFUSED: [9, 'the reason is the one that the venue gave'],
  TF_NOTHING_RECEIVED: [11, "check the venue's own spelling of the symbol, and whether it trades"],
  TF_FRAME_TOO_LARGE: [10, 'raise --ring-mb'],
  TF_REFUSED: [9, 'the reason is the one that the server gave'],
  TF_DISCONNECTED: [9, 'connect again, and send what was not acknowledged once more'],
  TF_BATCH_TOO_LARGE: [10, 'send more often, or raise --max-frame-kb of the server'],
  TF_RING_FULL: [10, 'write less, or raise --ring-mb'],
  TF_LISTEN: [9, 'choose another address, or end the process that has it'],
  TF_INSECURE_LISTEN: [2, 'set a token, or listen on a Unix socket or a loopback address'],
  TF_PORT_IN_USE: [9, 'choose another --port'],
  TF_INTERNAL: [1, 'this is a defect: please report it with the message'],
} as const satisfies Record<string, readonly [number, string]>

export type ErrorCode = keyof typeof ERRORS

/** An error with a stable code. `message` says what happened and to which file, venue or option. */
export class TickforgeError extends Error {
  readonly code: ErrorCode
  /** What to do next, a sentence part. */
  readonly hint: string
  readonly path: string | undefined

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; path?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'TickforgeError'
    this.code = code
    this.hint = ERRORS[code][1]
    this.path = options.path
  }

  /** Exit code of a command that ends with this error. */
  get exitCode(): number {
    return ERRORS[this.code][0]
  }
}

/** Turns whatever was thrown (a native error has `code`, `path`, `errno`) into a TickforgeError. */
export function asTickforgeError(thrown: unknown): TickforgeError {
  if (thrown instanceof TickforgeError) return thrown
  if (thrown instanceof Error) {
    const code = (thrown as { code?: unknown }).code
    const path = (thrown as { path?: unknown }).path
    const known = typeof code === 'string' && Object.hasOwn(ERRORS, code)
    return new TickforgeError(known ? (code as ErrorCode) : 'TF_INTERNAL', thrown.message, {
      cause: thrown,
      ...(typeof path === 'string' && path !== '' ? { path } : {}),
    })
  }
  return new TickforgeError('TF_INTERNAL', String(thrown))
}
