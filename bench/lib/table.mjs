// Figures as text.

function short(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(value >= 1e7 ? 1 : 2)} M`
  if (value >= 1e3) return `${(value / 1e3).toFixed(value >= 1e5 ? 0 : 1)} k`
  return Number.isInteger(value) || value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

function spread({ value, low, high }) {
  return low === high ? short(value) : `${short(value)} [${short(low)}..${short(high)}]`
}

/** '0.98+0.21' cores in user and system mode. */
function cpu(side) {
  return side === undefined ? '-' : `${side.user.toFixed(2)}+${side.system.toFixed(2)}`
}

function percent(value) {
  return value === undefined ? '-' : `${Math.round(Math.min(1, value) * 100)} %`
}

function reachOf({ reach, reached }) {
  if (reach === undefined) return ''
  const bound = reach.least ?? reach.most
  const text = reach.of === 'ratio' ? bound.toFixed(bound < 100 ? 2 : 0) : short(bound)
  return `${reach.least === undefined ? '<=' : '>='} ${text} ${reached ? 'reached' : 'MISSED'}`
}

const COLUMNS = [
  ['figure', (f) => `${f.figure}: ${f.ours.name}`],
  ['unit', (f) => f.unit],
  ['ours', (f) => spread(f.ours)],
  ['limit', (f) => (f.limit === undefined ? '-' : spread(f.limit))],
  ['limit is', (f) => f.limit?.name ?? '-'],
  ['ratio', (f) => (f.ratio === undefined ? '-' : f.ratio.toFixed(2))],
  ['reach', reachOf],
  ['CPU ours', (f) => cpu(f.ours)],
  ['CPU limit', (f) => cpu(f.limit)],
  ['disk', (f) => `${percent(f.ours.disk)} / ${percent(f.limit?.disk)}`],
  ['others', (f) => Math.max(f.ours.others, f.limit?.others ?? 0).toFixed(2)],
  ['verified', (f) => (f.verified ? 'yes' : 'NO')],
]

/** A Markdown table, aligned for a terminal. */
export function table(figures) {
  const rows = [COLUMNS.map(([title]) => title), ...figures.map((figure) => COLUMNS.map(([, text]) => text(figure)))]
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i].length)))
  const lines = rows.map((row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`)
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`)
  return `${lines.join('\n')}\n`
}
