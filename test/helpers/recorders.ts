// A recorder of a test: stopped when the test ends, however it ends, with what it said.
import { onTestFinished } from 'vitest'
import { Recorder, type RecorderOptions } from '../../src/recorder/recorder.ts'

export interface TestRecorder {
  recorder: Recorder
  warnings: string[]
  /** Rejects when recording cannot go on. */
  failed: Promise<never>
}

/** Makes a recorder; start() is left to the test. */
export function testRecorder(options: RecorderOptions): TestRecorder {
  const recorder = new Recorder({ flushIntervalMs: 5, durability: 'os', ...options })
  const warnings: string[] = []
  recorder.on('warning', (message) => warnings.push(message))
  const failed = new Promise<never>((_, reject) => {
    recorder.on('failed', reject)
  })
  // Unless the test looks at it, its end is no unhandled rejection.
  failed.catch(() => undefined)
  onTestFinished(async () => {
    await recorder.stop().catch(() => undefined)
  })
  return { recorder, warnings, failed }
}
