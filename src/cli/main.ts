// The command line. Every command is a thin view on a part; errors end it with a code, a hint and an exit status.
import { Command, CommanderError } from 'commander'
import { ERRORS, TickforgeError } from '../errors.ts'
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
import { leaveTerminals } from './outlet.ts'
import { message, print, reportError, settleOutput, warn } from './output.ts'
import { wasToldToStop } from './signals.ts'

const program = new Command('tickforge')
  .description('Records exchange market data exactly, and replays it.')
  .version(VERSION)
  .exitOverride()
  // Help goes out as any other text does; what is wrong with the arguments is said below, as an error with a code.
  .configureOutput({ writeOut: (text) => void print(text), writeErr: (text) => message(text), outputError: () => {} })
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

// What Node itself has to say goes the same way as all other messages: its own would end the process where they fail.
process.removeAllListeners('warning')
process.on('warning', (warning) => warn(`${warning.name}: ${warning.message}`))

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) reportError(error)
  // Help that was asked for ends with 0. Without any command it is what a person needs, and an error all the same.
  else if (error.code === 'commander.help') process.exitCode = ERRORS.TF_USAGE[0]
  else if (error.exitCode !== 0) {
    const usage = new TickforgeError('TF_USAGE', error.message.replace(/^error: /, ''))
    const name = program.args[0]
    const known = program.commands.some((command) => command.name() === name)
    reportError(usage, `see \`tickforge ${known ? `${name} ` : ''}--help\``)
  }
}
await settleOutput(!wasToldToStop() && (process.exitCode ?? 0) === 0)
leaveTerminals()
// Something that still waits, such as a reader that does not read, must not keep the process.
process.exit()
