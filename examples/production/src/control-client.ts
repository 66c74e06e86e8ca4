import { request, type IncomingMessage } from 'node:http';
import { APP_ERROR_CODES, AppError } from '@carapulse/kernel';
import { throwIfCancelled } from './cancellation.ts';
import type { ControlBodies, ControlVerb } from './control-verbs.ts';
import type { ProductionLine } from './events.ts';
import { readLines } from './read-lines.ts';

export interface ControlClient {
  /** Asks the production; the answer is what the verb's method of Production resolves with. */
  call<T>(verb: ControlVerb, body: ControlBodies[ControlVerb], signal: AbortSignal): Promise<T>;
  /** Opens the connection that holds the production, and passes its lines on until it ends. */
  attach(onLine: (line: ProductionLine) => void, signal: AbortSignal): Promise<Attachment>;
}

export interface Attachment {
  readonly ended: Promise<void>;
  close(): void;
}

export function createControlClient(platformUrl: string, token: string): ControlClient {
  const open = (method: string, name: string, body: unknown, signal: AbortSignal): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        `${platformUrl}/control/${name}`,
        { method, agent: false, signal, headers: { authorization: `Bearer ${token}` } },
        resolve,
      );
      outgoing.on('error', (cause) => reject(failure(name, signal, cause)));
      outgoing.end(body === null ? undefined : JSON.stringify(body));
    });

  return {
    async call<T>(verb: ControlVerb, body: ControlBodies[ControlVerb], signal: AbortSignal): Promise<T> {
      const response = await open('POST', verb, body, signal);
      const text = await readText(response).catch((cause: unknown) => {
        throw failure(verb, signal, cause);
      });
      if (response.statusCode === 200) return JSON.parse(text) as T; // the other end is this same package
      throw problem(verb, text);
    },
    async attach(onLine, signal) {
      const opening = new AbortController();
      const cancel = () => opening.abort();
      throwIfCancelled(signal, 'Attaching to the production');
      signal.addEventListener('abort', cancel, { once: true });
      const response = await open('GET', 'attach', null, opening.signal).finally(() =>
        signal.removeEventListener('abort', cancel),
      );
      if (response.statusCode !== 200) throw problem('attach', await readText(response));
      const ended = new Promise<void>((resolve) => response.once('close', () => resolve()));
      response.on('error', () => undefined); // its end is what `ended` tells
      readLines(response, (line) => onLine(JSON.parse(line) as ProductionLine));
      return { ended, close: () => response.destroy() };
    },
  };
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer); // no encoding is set
  return Buffer.concat(chunks).toString();
}

function failure(name: string, signal: AbortSignal, cause: unknown): AppError {
  if (signal.aborted) return new AppError('cancelled', `${name} was cancelled`, { cause });
  return new AppError('unavailable', `The production did not answer ${name}; is it still running?`, {
    cause,
  });
}

function problem(name: string, text: string): AppError {
  try {
    const { code, message } = JSON.parse(text) as { code?: string; message?: string };
    const known = APP_ERROR_CODES.find((each) => each === code);
    return new AppError(known ?? 'internal', message ?? `${name} failed`);
  } catch (cause) {
    return new AppError('internal', `${name} failed with an answer that is not JSON`, { cause });
  }
}
