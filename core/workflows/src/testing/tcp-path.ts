import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way of its own to a server, which can be cut, frozen and mended. */
export interface TcpPath {
  readonly port: number;
  /** Ends what is open and lets nothing through. */
  cut(): void;
  /** Keeps what is open and lets not a byte through, either way. */
  freeze(): void;
  /** Tells both ends that the other says nothing more; what is open stays half open. */
  halfClose(): void;
  mend(): void;
  close(): Promise<void>;
}

/** A relay on loopback to a server's port. */
export async function openTcpPath(host: string, port: number): Promise<TcpPath> {
  const open = new Set<Socket>();
  let whole = true;
  let frozen = false;
  const server = createServer({ allowHalfOpen: true }, (near) => {
    if (!whole) return void near.destroy();
    const far = createConnection({ host, port, allowHalfOpen: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        open.delete(from);
        to.destroy();
      });
      from.pipe(to);
      if (frozen) from.pause();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    whole = false;
    for (const socket of open) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    freeze: () => {
      frozen = true;
      for (const socket of open) socket.pause();
    },
    halfClose: () => {
      for (const socket of open) socket.end();
    },
    mend: () => {
      whole = true;
      frozen = false;
      for (const socket of open) socket.resume();
    },
    close: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
