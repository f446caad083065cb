// Tests that take long, fetch something or load the machine: each group has a command of its own, and `npm test` names those
// that it leaves out. A path of a group as a filter (`npm test -- test/crash`) runs it as well.

/** Group -> its files as glob patterns. The command of a group is `npm run test:GROUP`. */
export const GROUPS = {
  crash: ['test/crash/**/*.test.ts'],
  clients: ['test/clients/**/*.test.ts'],
  captures: [
    'test/feeds/*-capture.test.ts',
    'test/feeds/*-captures.test.ts',
    'test/import/captures.test.ts',
    'test/replay/*-captures.test.ts',
    'test/e2e/captures.test.ts',
    'test/e2e/playback.test.ts',
  ],
  bench: ['test/bench/**/*.test.ts'],
  package: ['test/package/**/*.test.ts'],
}

/** What a group needs of set-up beyond the programs. */
const NEEDS = { crash: ['native'], clients: ['native', 'python', 'clients'], captures: [], bench: [], package: [] }

export const needsOf = (group) => NEEDS[group]

/** What stands in a path of the group and in no other: 'test/feeds/' and the like would name half of the tests. */
function named(pattern, words) {
  const start = pattern.replace(/\/\*\*.*$/, '')
  const names = start === pattern ? /[^/*-][^/*]*(?=\.test\.ts$)/.exec(pattern)?.[0] : start
  return words.some((word) => word.includes(names))
}

/** Patterns of the groups that `words`, the arguments of the run, do not name. */
export function leftOut(words) {
  return Object.values(GROUPS)
    .flat()
    .filter((pattern) => !named(pattern, words))
}
