// A skipped test must be seen: this lists each one with its reason at the end of a vitest run.

/** [test, reason] of every skipped test. The reason is the note of `context.skip(note)`, '' when none was given. */
export function skippedTests(testModules) {
  return testModules.flatMap((module) =>
    [...module.children.allTests('skipped')].map((test) => [
      `${module.relativeModuleId} > ${test.fullName}`,
      test.result().note ?? '',
    ]),
  )
}

export default class SkipReporter {
  onTestRunEnd(testModules) {
    // Tests that a name filter left out were not skipped by anybody.
    if (this.vitest?.config.testNamePattern !== undefined) return
    const skipped = skippedTests(testModules)
    if (skipped.length === 0) return
    const lines = skipped.map(([name, reason]) => `  skipped ${name}${reason === '' ? '' : ` [${reason}]`}`)
    process.stdout.write(`\n${lines.join('\n')}\n`)
  }

  onInit(vitest) {
    this.vitest = vitest
  }
}
