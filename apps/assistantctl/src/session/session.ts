import { createClient, type Client } from '@carapulse/client-http';
import { AppError } from '@carapulse/kernel';
import { createPrinter, type Format, type Printer } from '../output/printer.ts';
import type { Terminal } from '../terminal.ts';
import { chooseIdentity, readEndpoint, readToken, requireInstallation } from './installation.ts';

export interface GlobalOptions {
  readonly directory?: string;
  readonly as?: string;
  readonly output: Format;
  /** How long the person is ready to wait, if they said so. */
  readonly timeoutMs?: number;
}

/** How one server is reached. `directory` and `identity` are null for a remote one. */
export interface Connection {
  readonly client: Client;
  readonly url: string;
  readonly directory: string | null;
  readonly identity: string | null;
}

/** Reading does not ask who reads, when several people are here. */
export type Purpose = 'read' | 'write';

/** What every command gets: whom it talks to, how it prints, when it must stop. */
export interface Session {
  readonly options: GlobalOptions;
  readonly terminal: Terminal;
  readonly out: Printer;
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  /** Resolved anew at each call, since a server that was started again has another port. */
  connect(purpose?: Purpose): Promise<Connection>;
  installation(): string;
}

export function createSession(options: GlobalOptions, terminal: Terminal, signal: AbortSignal): Session {
  return {
    options,
    terminal,
    out: createPrinter(terminal, options.output),
    signal,
    nowMs: () => Date.now(),
    connect: (purpose = 'write') => connect(options, terminal, purpose),
    installation: () => requireInstallation(options.directory, terminal),
  };
}

async function connect(options: GlobalOptions, terminal: Terminal, purpose: Purpose): Promise<Connection> {
  const { CARAPULSE_URL: url, CARAPULSE_TOKEN: token } = terminal.env;
  const patience = options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs };
  if (url !== undefined && options.directory === undefined) {
    if (token === undefined)
      throw new AppError(
        'unauthenticated',
        'CARAPULSE_URL is set but CARAPULSE_TOKEN is not; set both or none.',
      );
    if (!URL.canParse(url)) throw new AppError('invalid_input', `CARAPULSE_URL is not a URL: ${url}`);
    return {
      client: createClient({ baseUrl: url, token: async () => token, ...patience }),
      url,
      directory: null,
      identity: null,
    };
  }
  const directory = requireInstallation(options.directory, terminal);
  const identity = await chooseIdentity(directory, options.as, purpose);
  const baseUrl = await readEndpoint(directory);
  const client = createClient({ baseUrl, token: () => readToken(directory, identity), ...patience });
  return { client, url: baseUrl, directory, identity };
}
