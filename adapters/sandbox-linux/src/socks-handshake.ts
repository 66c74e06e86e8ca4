import { once } from 'node:events';
import type { Socket } from 'node:net';
import { AppError } from '@carapulse/kernel';

/** First byte of what a SOCKS5 client sends; no HTTP request begins with it. */
export const SOCKS_VERSION = 5;
const NO_AUTHENTICATION = 0;
const NONE_ACCEPTABLE = 0xff;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;

/** How a request is answered (RFC 1928, section 6). */
export type SocksReply = 'succeeded' | 'not_allowed' | 'unreachable' | 'not_supported';
const REPLIES: Readonly<Record<SocksReply, number>> = {
  succeeded: 0,
  not_allowed: 2,
  unreachable: 4,
  not_supported: 7,
};

/**
 * Reads greeting and request of a SOCKS5 client (RFC 1928), without authentication and for CONNECT alone. The reply is
 * the caller's to send, by `socksReply`; what came after the request is still to be read from the socket.
 * @throws AppError `invalid_input` for what is no such request, also when the client hangs up within it.
 */
export async function readSocksRequest(
  socket: Socket,
): Promise<{ readonly host: string; readonly port: number }> {
  const bytes = new Bytes(socket);
  const [version, count = 0] = await bytes.take(2);
  const methods = await bytes.take(count);
  if (version !== SOCKS_VERSION || !methods.includes(NO_AUTHENTICATION)) {
    socket.write(Buffer.of(SOCKS_VERSION, NONE_ACCEPTABLE));
    throw invalid('a client without the method “no authentication”');
  }
  socket.write(Buffer.of(SOCKS_VERSION, NO_AUTHENTICATION));
  const [again, command, , kind] = await bytes.take(4);
  if (again !== SOCKS_VERSION || command !== CONNECT) throw invalid('a command other than CONNECT');
  const host = await takeHost(bytes, kind);
  const port = (await bytes.take(2)).readUInt16BE(0);
  if (port === 0) throw invalid('port 0');
  bytes.giveBack();
  return { host, port };
}

/** The reply to a request; it names no address, which no client needs. */
export function socksReply(reply: SocksReply): Buffer {
  return Buffer.of(SOCKS_VERSION, REPLIES[reply], 0, IPV4, 0, 0, 0, 0, 0, 0);
}

async function takeHost(bytes: Bytes, kind: number | undefined): Promise<string> {
  if (kind === IPV4) return (await bytes.take(4)).join('.');
  if (kind === IPV6) {
    const address = await bytes.take(16);
    const groups = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(index * 2).toString(16));
    return `[${groups.join(':')}]`;
  }
  if (kind !== NAME) throw invalid('a kind of address that there isn’t');
  const [length = 0] = await bytes.take(1);
  const name = (await bytes.take(length)).toString('latin1');
  if (!/^[^:[\]/@\s]+$/.test(name)) throw invalid('a name that is none');
  return name;
}

/** A socket read by counts of bytes, however they arrive. */
class Bytes {
  readonly #socket: Socket;
  readonly #closed = new AbortController();
  #held = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.once('close', () => this.#closed.abort());
  }

  async take(count: number): Promise<Buffer> {
    while (this.#held.length < count) {
      // All that there is: with some left in it, a socket would call itself readable without end.
      const more = this.#socket.read() as Buffer | null;
      if (more === null) await this.#more();
      else this.#held = Buffer.concat([this.#held, more]);
    }
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  giveBack(): void {
    if (this.#held.length > 0) this.#socket.unshift(this.#held);
  }

  async #more(): Promise<void> {
    if (this.#socket.readableEnded || this.#socket.destroyed) throw invalid('a client that hung up');
    try {
      await once(this.#socket, 'readable', { signal: this.#closed.signal });
    } catch (error) {
      throw this.#closed.signal.aborted ? invalid('a client that hung up') : error;
    }
  }
}

function invalid(what: string): AppError {
  return new AppError('invalid_input', `The proxy takes no SOCKS request from ${what}.`);
}
