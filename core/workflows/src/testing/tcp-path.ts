import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type NetConnectOpts, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { setTimeout as after } from 'node:timers/promises';

/** A way of its own to a server, which can be cut, frozen, made slow and mended. */
export interface TcpPath {
  readonly port: number;
  /** Ends what is open and lets nothing through. */
  cut(): void;
  /** Keeps what is open and lets not a byte through, either way. */
  freeze(): void;
  /** Lets each piece through only after so long, either way. */
  slow(delayMs: number): void;
  /** Tells both ends that the other says nothing more; what is open stays half open. */
  halfClose(): void;
  mend(): void;
  close(): Promise<void>;
}

/** A relay on loopback to a server. `tap` sees what the server says before it goes on, and may cut the way to it. */
export async function openTcpPath(
  server: NetConnectOpts,
  tap: (said: Buffer) => void = () => undefined,
): Promise<TcpPath> {
  const open = new Set<Socket>();
  let whole = true;
  let delayMs = 0;
  let thaw: PromiseWithResolvers<void> | null = null;
  const gate = (): Transform =>
    new Transform({
      transform: (piece: Buffer, _encoding, pass) => {
        const waits = thaw?.promise ?? (delayMs > 0 ? after(delayMs) : null);
        if (waits === null) pass(null, piece);
        else void waits.then(() => pass(null, piece));
      },
    });
  const relay = createServer({ allowHalfOpen: true }, (near) => {
    if (!whole) return void near.destroy();
    const far = createConnection({ ...server, allowHalfOpen: true });
    far.on('data', tap);
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
      from.pipe(gate()).pipe(to);
    }
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const cut = (): void => {
    whole = false;
    for (const socket of open) socket.destroy();
  };
  const mend = (): void => {
    whole = true;
    delayMs = 0;
    thaw?.resolve();
    thaw = null;
  };
  return {
    port: (relay.address() as AddressInfo).port,
    cut,
    freeze: () => {
      thaw ??= Promise.withResolvers();
    },
    slow: (ms) => {
      delayMs = ms;
    },
    halfClose: () => {
      for (const socket of open) socket.end();
    },
    mend,
    close: async () => {
      cut();
      mend();
      relay.close();
      await once(relay, 'close');
    },
  };
}
