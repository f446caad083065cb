// Rows a second of the line protocol on one core, beside memchr over the same bytes: what finding the line ends alone costs.
import { compare } from '../lib/measure.mjs'
import { runProgram } from '../lib/program.mjs'

export function run(context) {
  const rounds = context.quick ? 1 : 20
  return compare(context, {
    figure: 'lines',
    unit: 'rows/s',
    limit: { name: 'memchr for the line ends', run: () => runProgram('raw-memchr', { rounds: rounds * 20 }) },
    ours: [{ name: 'text to records, one core', run: () => runProgram('line-rows', { rounds }) }],
  })
}
