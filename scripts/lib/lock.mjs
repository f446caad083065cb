// One set-up at a time in a checkout. The lock is an abstract Unix socket: the kernel frees it when its owner dies, however
// it dies, so there is no stale lock file to judge and no race in taking one over. Who waits is told by the closing socket.
import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'

/** Resolves to a function that releases the lock. `onWait(pid)` is called once when another process holds it. */
export async function lock(root, onWait) {
  const name = `\0tickforge-setup-${createHash('sha256').update(root).digest('hex').slice(0, 24)}`
  for (let told = false; ; ) {
    const release = await tryListen(name)
    if (release !== undefined) return release
    await ownerGone(name, (pid) => {
      if (!told) onWait(pid)
      told = true
    })
  }
}

/** Listens on `name`; undefined when another process does. */
function tryListen(name) {
  const waiting = new Set()
  const server = createServer((socket) => {
    waiting.add(socket)
    socket.on('error', () => {}).on('close', () => waiting.delete(socket))
    socket.write(String(process.pid))
  })
  return new Promise((resolve, reject) => {
    server.on('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    server.listen({ path: name }, () => {
      server.unref()
      resolve(() => {
        server.close()
        for (const socket of waiting) socket.destroy()
      })
    })
  })
}

/** Resolves when the process that listens on `name` has released it or has ended. */
function ownerGone(name, onPid) {
  return new Promise((resolve) => {
    const socket = connect({ path: name })
    socket.on('data', (data) => onPid(String(data)))
    socket.on('error', () => {})
    socket.on('close', () => setTimeout(resolve, 20))
  })
}
