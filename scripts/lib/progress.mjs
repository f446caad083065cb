// What a person sees of a long step: on a terminal one line with the time that has passed, in a pipe its beginning and its end.
const TICK_MS = 1000

const seconds = (start) => `${((performance.now() - start) / 1000).toFixed(1)} s`

/**
 * Runs `step(tell)` with its label on `out`. `tell(text)` shows where the step is, on a terminal only. Resolves to what
 * the step does; when it throws, the line says that it failed.
 */
export async function timed(label, step, out = process.stdout) {
  const start = performance.now()
  let where = ''
  const line = (end) => `set-up: ${label} ... ${end}`
  const redraw = () => out.write(`\r\u001b[K${fitted(line(`${seconds(start)} ${where}`), out.columns)}`)
  out.write(out.isTTY ? line('') : `${line('')}`)
  const timer = out.isTTY ? setInterval(redraw, TICK_MS) : undefined
  let ending = 'failed after '
  try {
    const result = await step((text) => {
      where = text
    })
    ending = ''
    return result
  } finally {
    clearInterval(timer)
    out.write(`${out.isTTY ? `\r\u001b[K${line('')}` : ''}${ending}${seconds(start)}\n`)
  }
}

/** A line that the terminal does not wrap: \r would go back to the start of its last row only. */
function fitted(text, columns) {
  return columns > 1 ? text.slice(0, columns - 1) : text
}

/** `[12/80]` of ninja's output, the last line of that of other programs. */
export function whereOf(text) {
  const last = text.trimEnd().split('\n').at(-1) ?? ''
  return /^\[\d+\/\d+\]/.exec(last)?.[0] ?? last.replace(/[^ -~]/g, '').trim()
}
