import { describe, expect, it } from 'vitest'
import { GapCause } from '../../src/records/layout.ts'
import { breaksChain } from '../../src/records/loss-records.ts'

describe('a gap record', () => {
  const harmless: number[] = [GapCause.writeError, GapCause.refused, GapCause.silent]

  it.each(Object.entries(GapCause))('of cause %s says whether books begin anew behind it', (_, cause) => {
    expect(breaksChain(cause)).toBe(!harmless.includes(cause))
  })

  it('of a cause that this version does not know breaks them', () => {
    expect(breaksChain(200)).toBe(true)
  })
})
