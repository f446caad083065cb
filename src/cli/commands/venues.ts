import type { Command } from 'commander'
import { VENUES } from '../../feeds/registry.ts'
import { print, printJson, table } from '../output.ts'

export function addVenues(program: Command): void {
  program
    .command('venues')
    .description('list the venues that can be recorded')
    .option('--json', 'print one JSON document')
    .action(async (options: { json?: boolean }) => {
      const venues = VENUES.map((venue) => ({
        venue: venue.name,
        title: venue.title,
        example: `${venue.name}:${venue.exampleSymbol}`,
        adapters: venue.adapters.map((adapter) => adapter.name),
        websocket: venue.endpoints.websocket,
      }))
      if (options.json === true) {
        await printJson(venues)
        return
      }
      const rows = venues.map((v) => [v.venue, v.title, v.example, v.adapters.join(', ')])
      await print(table(['VENUE', 'TITLE', 'EXAMPLE', 'PROTOCOLS'], rows, new Set()))
    })
}
