import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Transform } from 'node:stream';

export interface RelayOptions {
  /** Serves TLS and speaks plain text behind it. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Hangs up in place of the answer to the HTTP/2 stream of this number, once the server has given it. */
  readonly loses?: number;
}

/** A server on loopback that hands connections on to a port. */
export class Relay {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = (server.address() as AddressInfo).port;
  }

  static async to(port: number, { tls, loses }: RelayOptions): Promise<Relay> {
    const sockets = new Set<Socket>();
    const relay = (client: Socket): void => {
      const server = connect(port, '127.0.0.1');
      const answers = loses === undefined ? server : server.pipe(withoutAnswer(loses));
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
      }
      client.pipe(server);
      answers.on('error', () => client.destroy());
      answers.pipe(client);
    };
    const server =
      tls === undefined
        ? createServer(relay)
        : createTlsServer({ ...tls, ALPNProtocols: ['h2', 'http/1.1'] }, relay);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Relay(server, sockets);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const FRAME_HEADER = 9;
const HEADERS = 1;

/** Passes whole frames (RFC 9113, section 4.1) until the first of an answer's headers. */
function withoutAnswer(stream: number): Transform {
  let held = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      held = Buffer.concat([held, chunk]);
      while (held.length >= FRAME_HEADER) {
        const size = FRAME_HEADER + held.readUIntBE(0, 3);
        if (held.length < size) break;
        if (held[3] === HEADERS && (held.readUInt32BE(5) & 0x7fffffff) === stream) {
          done(new Error('lost'));
          return;
        }
        this.push(held.subarray(0, size));
        held = held.subarray(size);
      }
      done();
    },
  });
}
