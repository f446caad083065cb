// A WebSocket client that keeps what it gets, for tests of the simulator.
import { WebSocket } from 'ws'

export interface Received {
  text: string
  binary: boolean
}

export class TestClient {
  readonly received: Received[] = []
  /** Close code, once closed. */
  closed: number | undefined
  readonly #socket: WebSocket
  #wake: () => void = () => {}

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data: Buffer, binary: boolean) => {
      this.received.push({ text: data.toString(binary ? 'latin1' : 'utf8'), binary })
      this.#wake()
    })
    socket.on('close', (code) => {
      this.closed = code
      this.#wake()
    })
    socket.on('error', () => {})
  }

  static async connect(url: string): Promise<TestClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false })
    const client = new TestClient(socket)
    await new Promise((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    return client
  }

  send(message: unknown): void {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  onPing(listener: () => void): void {
    this.#socket.on('ping', listener)
  }

  /** Frames as JSON; frames that are none throw. */
  messages(): Record<string, unknown>[] {
    return this.received.map((frame) => JSON.parse(frame.text) as Record<string, unknown>)
  }

  /** Resolves when the condition holds for what was received so far. */
  async until(condition: (client: TestClient) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.closed !== undefined && !condition(this)) throw new Error(`closed with ${this.closed} too early`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async ended(): Promise<number> {
    while (this.closed === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.closed
  }

  close(): void {
    this.#socket.close()
  }
}
