// Addresses as the command line and the client write them.
import { TickforgeError } from '../errors.ts'

export type Address = { path: string } | { host: string; port: number }

/** 'unix:PATH' or 'tcp:HOST:PORT' ('tcp:[::1]:9009'). Throws TF_USAGE. */
export function parseAddress(text: string): Address {
  const unix = /^unix:(.+)$/.exec(text)
  if (unix !== null) return { path: unix[1] as string }
  const tcp = /^tcp:(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(text)
  if (tcp !== null && Number(tcp[2]) <= 65535) {
    return { host: (tcp[1] as string).replace(/^\[(.*)\]$/, '$1'), port: Number(tcp[2]) }
  }
  throw new TickforgeError('TF_USAGE', `'${text}' is not unix:PATH or tcp:HOST:PORT`)
}
