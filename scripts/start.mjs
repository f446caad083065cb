// `npm start`: all set-up that the main job needs, then the main job.
import { runAfterSetUp } from './lib/run-after-set-up.mjs'

await runAfterSetUp('dist/cli/demo.js')
