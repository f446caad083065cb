// The command line. Every command is a thin view on a part; errors end it with a code, a hint and an exit status.
import { Command, CommanderError } from 'commander'
import { VERSION } from '../version.ts'
import { addExport } from './commands/export.ts'
import { addImport } from './commands/import.ts'
import { addInspect } from './commands/inspect.ts'
import { addList } from './commands/ls.ts'
import { addRecord } from './commands/record.ts'
import { addReplay } from './commands/replay.ts'
import { addServe } from './commands/serve.ts'
import { addSimulate } from './commands/simulate.ts'
import { addTail } from './commands/tail.ts'
import { addVenues } from './commands/venues.ts'
import { addVerify } from './commands/verify.ts'
import { clearProgress, reportError } from './output.ts'

const program = new Command('tickforge')
  .description('Records exchange market data exactly, and replays it.')
  .version(VERSION)
  .showHelpAfterError('(see tickforge --help)')
  .exitOverride()
  .addHelpText(
    'after',
    '\nExit codes: 0 done, 2 usage, 4 nothing there, 5 locked, 6 disk, 7 newer format, 8 damage found, 9 network. See docs/OPERATING.md.',
  )

for (const add of [
  addRecord,
  addServe,
  addImport,
  addList,
  addInspect,
  addVerify,
  addReplay,
  addTail,
  addExport,
  addSimulate,
  addVenues,
]) {
  add(program)
}
for (const command of program.commands) command.exitOverride().showHelpAfterError()

try {
  await program.parseAsync()
} catch (error) {
  clearProgress()
  // Commander has printed its own message; its exit code is 1 for any misuse, ours is 2.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else reportError(error)
}
