/**
 * The way to one service. Owner: whoever asks it. Boundary: HTTP/1.1 on loopback or a unix socket.
 * 1. What the other side threw is thrown here, with code, details and all.
 * 2. Whatever comes between is a `LostRpc`; it says whether the other side may have heard of the call.
 * 3. A side that gives no sign of life for `SILENCE_MS` is lost, whatever its socket says.
 * 4. Of an answer no more is held than `maxAnswerBytes`, nor of one frame, where its caller doesn't expect more.
 */
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { fromRpcProblem, procedurePath, RpcProblem, type Procedure } from '@carapulse/contract';
import { AppError, type JsonValue } from '@carapulse/kernel';

/** Five signs of life of the other side. */
export const SILENCE_MS = 10_000;
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** The call ended on the way; `heard` is true when the other side may have got it. */
export class LostRpc extends Error {
  readonly heard: boolean;
  constructor(message: string, heard: boolean, cause?: unknown) {
    super(message, { cause });
    this.name = 'LostRpc';
    this.heard = heard;
  }
}

export interface RpcConnectionOptions {
  /** `http://127.0.0.1:PORT` or `unix:/path/of/the/socket`. */
  readonly url: string;
  /** The service credential. */
  readonly token: string;
  readonly silenceMs?: number;
  readonly maxAnswerBytes?: number;
}

export interface RpcConnection {
  readonly url: string;
  call<Input, Output>(
    procedure: Procedure<Input, Output>,
    input: Input,
    signal: AbortSignal,
  ): Promise<Output>;
  /** Resolves when the stream has ended as it should. */
  stream<Input, Frame>(
    procedure: Procedure<Input, Frame>,
    input: Input,
    onFrame: (frame: Frame) => void,
    signal: AbortSignal,
    options?: { readonly maxFrameBytes?: number },
  ): Promise<void>;
}

/** @throws AppError `invalid_input` when the URL is neither loopback nor a socket. */
export function createRpcConnection(options: RpcConnectionOptions): RpcConnection {
  const target = targetOf(options.url);
  const maxBytes = options.maxAnswerBytes ?? MAX_ANSWER_BYTES;
  const open = (procedure: { readonly name: string }, input: unknown, signal: AbortSignal): Promise<Answer> =>
    openCall({ options, target, path: procedurePath(procedure.name), body: JSON.stringify(input), signal });
  return {
    url: options.url,
    call: async (procedure, input, signal) => {
      const answer = await open(procedure, input, signal);
      const text = await readAll(answer, maxBytes);
      return parsed(procedure, text, options.url);
    },
    stream: async (procedure, input, onFrame, signal, { maxFrameBytes = maxBytes } = {}) => {
      const answer = await open(procedure, input, signal);
      await readLines(answer, maxFrameBytes, (line) => onFrame(parsed(procedure, line, options.url)));
    },
  };
}

type Answering<T> = Pick<Procedure<unknown, T>, 'name' | 'output'>;

interface Target {
  readonly host: string;
  readonly port?: number;
  readonly socketPath?: string;
}

interface Answer {
  readonly message: IncomingMessage;
  /** Ends the connection as lost. */
  readonly lose: (why: string, cause?: unknown) => void;
  /** Rejects when the connection is lost, or the caller gives up; never resolves. */
  readonly broken: Promise<never>;
  readonly settle: () => void;
  /** The other side has just given a sign of life. */
  readonly alive: () => void;
}

function targetOf(url: string): Target {
  if (url.startsWith('unix:')) return { host: 'localhost', socketPath: url.slice('unix:'.length) };
  const parsedUrl = URL.parse(url);
  const local = ['127.0.0.1', 'localhost', '[::1]'].includes(parsedUrl?.hostname ?? '');
  if (parsedUrl?.protocol === 'http:' && local && parsedUrl.pathname === '/') {
    return { host: parsedUrl.hostname.replaceAll(/[[\]]/g, ''), port: Number(parsedUrl.port || '80') };
  }
  throw new AppError(
    'invalid_input',
    `${url} is no address of a service: http://127.0.0.1:PORT or unix:/path. Services of one installation share a machine.`,
  );
}

interface Opening {
  readonly options: RpcConnectionOptions;
  readonly target: Target;
  readonly path: string;
  readonly body: string;
  readonly signal: AbortSignal;
}

async function openCall({ options, target, path, body, signal }: Opening): Promise<Answer> {
  signal.throwIfAborted();
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => {});
  const answered = Promise.withResolvers<IncomingMessage>();
  let connected = false;
  const request: ClientRequest = httpRequest({
    ...target,
    path,
    method: 'POST',
    // Each call has a connection of its own: its end is the call's end for the other side.
    agent: false,
    headers: {
      host: 'localhost',
      authorization: `Bearer ${options.token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    },
  });
  let timer: NodeJS.Timeout | undefined;
  const settle = (): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
  };
  const end = (error: Error): void => {
    settle();
    broken.reject(error);
    request.destroy();
  };
  const lose = (why: string, cause?: unknown): void =>
    end(new LostRpc(`${options.url} ${why}`, connected, cause));
  const giveUp = (): void =>
    end(new AppError('cancelled', 'The call was given up.', { cause: signal.reason }));
  const silenceMs = options.silenceMs ?? SILENCE_MS;
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => lose(`gave no sign of life for ${silenceMs} ms`), silenceMs);
  };
  signal.addEventListener('abort', giveUp, { once: true });
  alive();
  request.on('socket', (socket) => socket.once('connect', () => (connected = true)));
  request.on('information', alive);
  request.on('error', (error: NodeJS.ErrnoException) =>
    lose(connected ? `was lost (${error.code ?? error.message})` : unreachable(error), error),
  );
  request.on('response', (message) => {
    alive();
    message.on('error', (error) => lose(`was lost (${error.message})`, error));
    message.on('close', () => {
      if (!message.complete) lose('hung up in the middle of its answer');
    });
    answered.resolve(message);
  });
  request.end(body);
  const message = await Promise.race([answered.promise, broken.promise]);
  const answer = { message, lose, broken: broken.promise, settle, alive };
  const type = message.headers['content-type'] ?? '';
  if (message.statusCode === 200 && /^application\/(json|x-ndjson)\b/.test(type)) return answer;
  throw problemOf(await readAll(answer, 1024 * 1024), message.statusCode ?? 0, options.url);
}

function unreachable(error: NodeJS.ErrnoException): string {
  return `cannot be reached (${error.code ?? error.message}); does the service run?`;
}

async function readAll({ message, lose, broken, settle, alive }: Answer, maxBytes: number): Promise<string> {
  const parts: Buffer[] = [];
  let held = 0;
  message.on('data', (chunk: Buffer) => {
    alive();
    held += chunk.length;
    if (held > maxBytes) lose(`answered with more than ${maxBytes} bytes`);
    else parts.push(chunk);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  message.once('end', resolve);
  await Promise.race([promise, broken]);
  settle();
  return Buffer.concat(parts).toString('utf8');
}

async function readLines(answer: Answer, maxBytes: number, onLine: (line: string) => void): Promise<void> {
  const { message, lose, broken, settle, alive } = answer;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let rest: Buffer[] = [];
  let held = 0;
  message.on('data', (chunk: Buffer) => {
    alive();
    try {
      let from = 0;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
        rest.push(chunk.subarray(from, at));
        onLine(Buffer.concat(rest).toString('utf8'));
        rest = [];
        held = 0;
        from = at + 1;
      }
      held += chunk.length - from;
      if (held > maxBytes) lose(`sent a frame of more than ${maxBytes} bytes`);
      else rest.push(chunk.subarray(from));
    } catch (error) {
      reject(error);
      lose('sent what its caller could not take', error);
    }
  });
  message.once('end', resolve);
  await Promise.race([promise, broken]);
  settle();
}

function parsed<T>(procedure: Answering<T>, text: string, url: string): T {
  const value = procedure.output.safeParse(jsonOf(text));
  if (value.success) return value.data;
  throw new LostRpc(`${url} answered ${procedure.name} with something else; is it of this version?`, true);
}

function problemOf(text: string, status: number, url: string): Error {
  const problem = RpcProblem.safeParse(jsonOf(text));
  if (problem.success) return fromRpcProblem(problem.data);
  return new LostRpc(`${url} answered with ${status}; that is no service of Carapulse.`, true);
}

function jsonOf(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
