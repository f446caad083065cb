// Reads an Arrow table back as plain numbers.
import { expectEqual } from './measure.mjs'

/** Checks the rows and the exact sum of the price mantissas, from the words of the decimals. */
export function checkTable(table, rows, sum) {
  expectEqual('rows', table.numRows, rows)
  let total = 0n
  for (const { values } of table.getChild('price').data) {
    // Four words a decimal; the mantissas of these trades fit the first.
    let part = 0
    for (let i = 0; i < values.length; i += 4) {
      if (values[i + 1] !== 0 || values[i + 2] !== 0 || values[i + 3] !== 0)
        throw new Error(`price ${i / 4} is too large`)
      part += values[i]
    }
    total += BigInt(part)
  }
  expectEqual('sum of the price mantissas', total, BigInt(sum))
}
