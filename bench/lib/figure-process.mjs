// One figure: `figure-process.mjs NAME CONTEXT`. Sends its results to the parent.
const [name, context] = process.argv.slice(2)
const { run } = await import(`../figures/${name}.mjs`)
const results = await run(JSON.parse(context))
await new Promise((sent) => process.send(results, sent))
process.disconnect()
