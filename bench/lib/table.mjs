// Figures as text.

function rate(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(value >= 1e7 ? 1 : 2)} M`
  return value >= 1e3 ? `${(value / 1e3).toFixed(value >= 1e5 ? 0 : 1)} k` : value.toFixed(0)
}

function spread({ rate: middle, slowest, fastest }) {
  return `${rate(middle)} [${rate(slowest)}..${rate(fastest)}]`
}

/** '0.98+0.21' cores in user and system mode. */
function cpu({ user, system }) {
  return `${user.toFixed(2)}+${system.toFixed(2)}`
}

function percent(value) {
  return value === undefined ? '-' : `${Math.round(Math.min(1, value) * 100)} %`
}

function reach({ reach: ratio, reachRate, reached }) {
  const wanted = ratio === undefined ? (reachRate === undefined ? '' : rate(reachRate)) : ratio.toFixed(2)
  return reached === undefined ? '' : `${wanted} ${reached ? 'reached' : 'MISSED'}`
}

const COLUMNS = [
  ['figure', (f) => `${f.figure}: ${f.ours.name}`],
  ['unit', (f) => f.unit],
  ['ours', (f) => spread(f.ours)],
  ['limit', (f) => spread(f.limit)],
  ['limit is', (f) => f.limit.name],
  ['ratio', (f) => f.ratio.toFixed(2)],
  ['reach', reach],
  ['CPU ours', (f) => cpu(f.ours)],
  ['CPU limit', (f) => cpu(f.limit)],
  ['disk', (f) => `${percent(f.ours.disk)} / ${percent(f.limit.disk)}`],
  ['others', (f) => Math.max(f.ours.others, f.limit.others).toFixed(2)],
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
