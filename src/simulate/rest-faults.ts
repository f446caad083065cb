// REST answers that a venue, or somebody in front of it, may give: refusals, answers without an end, bombs.
import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { TickforgeError } from '../errors.ts'

export const REST_FAULTS = ['refuse', 'endless', 'drip', 'bomb', 'huge', 'silent', 'garbage'] as const
export type RestFaultKind = (typeof REST_FAULTS)[number]
export const REST_TARGETS = ['depth', 'definitions', 'all'] as const
export type RestTarget = (typeof REST_TARGETS)[number]

export interface RestFaultOptions {
  /**
   * refuse: `status` with `retryAfter`; endless: a body that never ends; drip: the same, a byte at a time; bomb: gzip that unpacks to
   * `megabytes`; huge: a body of `megabytes`; silent: no answer at all; garbage: no JSON.
   */
  kind: RestFaultKind
  /** Requests that it concerns; default depth. */
  target?: RestTarget
  /** Of refuse; default 451. */
  status?: number
  /** Value of the header Retry-After; absent without it. */
  retryAfter?: string
  /** Default 64. */
  megabytes?: number
  /** It happens this often; default always. */
  limit?: number
}

const MEGABYTES_MAX = 4096
const DRIP_MS = 20
const CHUNK = Buffer.alloc(65_536, ' ')

/** @throws TF_USAGE */
export function checkRestFault({ kind, target, status, megabytes, limit }: RestFaultOptions): void {
  const wrong = (what: string): never => {
    throw new TickforgeError('TF_USAGE', `fault of REST: ${what}`)
  }
  if (!REST_FAULTS.includes(kind)) wrong(`'${kind}' is none of ${REST_FAULTS.join(', ')}`)
  if (target !== undefined && !REST_TARGETS.includes(target)) wrong(`'${target}' is none of ${REST_TARGETS.join(', ')}`)
  if (status !== undefined && !(Number.isInteger(status) && status >= 300 && status <= 599)) wrong(`status ${status}`)
  if (megabytes !== undefined && !(megabytes > 0 && megabytes <= MEGABYTES_MAX)) wrong(`${megabytes} megabytes`)
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) wrong(`limit ${limit}`)
}

/** The REST fault of one simulator. */
export class RestFaults {
  /** How often it has happened. */
  happened = 0
  readonly #options: RestFaultOptions

  constructor(options: RestFaultOptions) {
    this.#options = options
  }

  /** Answers in place of the venue; false where the fault does not concern the request. */
  answer(url: URL, response: ServerResponse): boolean {
    const { target = 'depth', limit = Number.POSITIVE_INFINITY } = this.#options
    const isDepth = url.pathname.endsWith('/depth')
    if ((target === 'depth' && !isDepth) || (target === 'definitions' && isDepth) || this.happened >= limit)
      return false
    this.happened++
    this.#act(response)
    return true
  }

  #act(response: ServerResponse): void {
    const { kind, status = 451, retryAfter, megabytes = 64 } = this.#options
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    switch (kind) {
      case 'refuse':
        if (retryAfter !== undefined) headers['retry-after'] = retryAfter
        // What a refusal says may hold anything.
        response.writeHead(status, headers).end('{"code":-1003,"msg":"no \u001b[31m\\u001b]0;x\\u0007"}')
        return
      case 'endless':
        response.writeHead(200, headers)
        pour(response, Number.POSITIVE_INFINITY)
        return
      case 'huge':
        response.writeHead(200, headers)
        pour(response, megabytes * 1024 * 1024)
        return
      case 'drip': {
        response.writeHead(200, headers)
        const timer = setInterval(() => response.write(' '), DRIP_MS)
        response.on('close', () => clearInterval(timer))
        return
      }
      case 'bomb':
        response.writeHead(200, { ...headers, 'content-encoding': 'gzip' })
        response.end(gzipSync(Buffer.alloc(megabytes * 1024 * 1024)))
        return
      case 'garbage':
        response.writeHead(200, headers).end('<html>502</html>')
        return
      case 'silent':
    }
  }
}

/** Writes so many bytes, as fast as they are taken. */
function pour(response: ServerResponse, bytes: number): void {
  let left = bytes
  const go = (): void => {
    while (left > 0 && !response.destroyed) {
      const more = response.write(left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK)
      left -= CHUNK.length
      if (!more) return
    }
    response.end()
  }
  response.on('drain', go)
  go()
}
