// `npm run bench`: all set-up that the benchmarks need, then the benchmarks.
import { runAfterSetUp } from './lib/run-after-set-up.mjs'

await runAfterSetUp('bench/main.mjs')
