// One push into the ring from a native thread, beside one into a minimal queue of the shape that is the fastest known.
import { atMost, compare, percentiles, ratioAtMost } from '../lib/measure.mjs'
import { runProgram } from '../lib/program.mjs'

export async function run(context) {
  return [...(await comparePush(context, 1)), ...(await comparePush(context, 0)), ...(await countAllocations(context))]
}

function comparePush(context, meanwhile) {
  const options = { rounds: context.quick ? 4 : 64, meanwhile }
  return compare(context, {
    figure: 'ring',
    metrics: percentiles('ns'),
    limit: { name: "push into a queue of rigtorp's shape", run: () => runProgram('reference-push', options) },
    ours: [
      {
        name: `push, ${meanwhile ? 'emptied meanwhile' : 'emptied between bursts'}`,
        reach: { p50: ratioAtMost(1.5) },
        run: () => runProgram('ring-push', options),
      },
    ],
  })
}

function countAllocations(context) {
  return compare(
    { ...context, rounds: 1, warmUp: 0 },
    {
      figure: 'ring',
      metrics: [{ name: 'allocations', unit: 'count', of: (result) => result.allocations }],
      ours: [
        { name: 'all pushes', reach: { allocations: atMost(0) }, run: () => runProgram('ring-push', { rounds: 4 }) },
      ],
    },
  )
}
