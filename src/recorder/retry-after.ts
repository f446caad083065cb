// The header Retry-After (RFC 9110, 10.2.3): seconds, or a date. A number from outside: it is checked before a timer gets it.

/** Bans of Binance last up to three days. */
export const RETRY_AFTER_MS_MAX = 3 * 24 * 3600 * 1000

/** Milliseconds from `nowMs` (since 1970) on, 0 to RETRY_AFTER_MS_MAX; undefined where the header says nothing that can be read. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? ''
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : dateMs(text) - nowMs
  if (Number.isNaN(ms)) return undefined
  return Math.min(Math.max(0, ms), RETRY_AFTER_MS_MAX)
}

/** Of the three forms of an HTTP date; NaN for what is none. */
function dateMs(text: string): number {
  if (!/^[A-Z][a-z]{2,8},? /.test(text)) return Number.NaN
  // The oldest form, 'Sun Nov  6 08:49:37 1994', names no zone.
  return Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
}
