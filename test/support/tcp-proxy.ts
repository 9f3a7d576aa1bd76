/** Stands between a client and a server's socket, and cuts the connection or lets it go quiet. */
import { createConnection, createServer, type Socket } from 'node:net';

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /**
   * Once the server has sent so many bytes more: `close` breaks every connection, `halt` keeps them open
   * and passes nothing on. Undefined: from now on everything passes.
   */
  breakAfter(bytes: number | undefined, how?: 'close' | 'halt'): void;
}

export async function startTcpProxy(socketPath: string): Promise<TcpProxy> {
  const open = new Set<Socket>();
  let left = Number.POSITIVE_INFINITY;
  let how: 'close' | 'halt' = 'close';

  function passOn(chunk: Buffer, client: Socket, behind: Socket): void {
    left -= chunk.length;
    if (left > 0) {
      // Slow readers slow the server down, as without us.
      if (!client.write(chunk)) behind.pause();
      return;
    }
    if (how === 'close') for (const socket of open) socket.destroy();
  }

  const server = createServer((client) => {
    const behind = createConnection(socketPath);
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      open.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
    }
    client.on('data', (chunk: Buffer) => behind.write(chunk));
    client.on('drain', () => behind.resume());
    behind.on('data', (chunk: Buffer) => passOn(chunk, client, behind));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port was given');
  return {
    port: address.port,
    breakAfter(bytes, by = 'close') {
      left = bytes ?? Number.POSITIVE_INFINITY;
      how = by;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
