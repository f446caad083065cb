// The stable code of what an act throws: only a TickforgeError has one.
import { TickforgeError } from '../../src/errors.ts'

const NOTHING = 'nothing was thrown'

export function codeOf(thrown: unknown): string {
  return thrown instanceof TickforgeError ? thrown.code : String(thrown)
}

export function codeThrown(act: () => unknown): string {
  try {
    act()
    return NOTHING
  } catch (thrown) {
    return codeOf(thrown)
  }
}

export async function codeRejected(promise: Promise<unknown>): Promise<string> {
  return await promise.then(() => NOTHING, codeOf)
}
