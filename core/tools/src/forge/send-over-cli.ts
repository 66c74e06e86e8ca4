import { AppError } from '@carapulse/kernel';
import { egressTo, urlBelow } from '../http-connector.ts';
import type { CommandResult, SandboxFile } from '../sandbox.ts';
import type { ToolCommand, ToolRuntime } from '../tool-definition.ts';
import type { ForgeRequest, ForgeSend } from './forge-api.ts';
import type { ForgeAnswer } from './forge-failure.ts';
import type { ForgeInstance } from './forge-settings.ts';

/** A program with a command `api` that sends one request and prints the whole answer, as `gh` and `glab` have it. */
export interface ForgeProgram {
  readonly program: string;
  /** The program's configuration of this one call; it alone holds the token. */
  files(scratch: string, forge: ForgeInstance): readonly SandboxFile[];
  env(scratch: string, forge: ForgeInstance): Readonly<Record<string, string>>;
}

/** The command of one request: the address is whole, the body comes on stdin, the token lies in a file. */
export function forgeCommand(
  scratch: string,
  forge: ForgeInstance,
  by: ForgeProgram,
  common: Readonly<Record<string, string>>,
  request: ForgeRequest,
): ToolCommand {
  const headers = { ...common, ...(request.json === undefined ? {} : JSON_CONTENT) };
  return {
    argv: [
      by.program,
      'api',
      '--include',
      `--method=${request.method}`,
      ...Object.entries(headers).map(([name, value]) => `--header=${name}: ${value}`),
      ...(request.json === undefined ? [] : ['--input=-']),
      '--',
      urlBelow(forge.url, request.path, request.query),
    ],
    cwd: scratch,
    env: { HOME: scratch, LC_ALL: 'C', TZ: 'UTC', NO_COLOR: '1', ...by.env(scratch, forge) },
    ...(request.json === undefined ? {} : { stdin: JSON.stringify(request.json) }),
    files: by.files(scratch, forge),
    mounts: [{ path: scratch, mode: 'rw' }],
    egress: egressTo(forge.url, forge.egress),
  };
}

/** Requests by the program, in the sandbox. */
export function sendOverCli(
  runtime: Pick<ToolRuntime<unknown>, 'exec' | 'scratch'>,
  forge: ForgeInstance,
  by: ForgeProgram,
  headers: Readonly<Record<string, string>>,
): ForgeSend {
  return async (request) => {
    const result = await runtime.exec(forgeCommand(runtime.scratch, forge, by, headers, request));
    return includedAnswer(result.stdout) ?? Promise.reject(programFailure(forge, by, result));
  };
}

const JSON_CONTENT = { 'content-type': 'application/json' };

/** What `api --include` prints: status line, headers, an empty line, the body. Null when there was no answer. */
export function includedAnswer(stdout: string): ForgeAnswer | null {
  const parts = /^HTTP\/[\d.]+ (\d{3})[^\n]*\n((?:[^\r\n]+\r?\n)*)\r?\n([\s\S]*)$/.exec(stdout);
  if (parts === null) return null;
  const [, status = '', lines = '', body = ''] = parts;
  const headers: Record<string, string> = {};
  for (const line of lines.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number(status), headers, body, truncated: false };
}

const UNREACHABLE =
  /dial tcp|error connecting|connection re|\bEOF\b|proxyconnect|no such host|timeout|Bad Gateway|x509|tls:/i;

function programFailure(forge: ForgeInstance, by: ForgeProgram, result: CommandResult): AppError {
  const said = result.stderr.replaceAll(forge.token, '[redacted:token]').trim().slice(0, 500);
  if (UNREACHABLE.test(said)) {
    return new AppError('unavailable', `${forge.where} can't be reached by ${by.program}: ${said}`, {
      retryable: true,
      details: { class: 'transient' },
    });
  }
  return new AppError(
    'tool_failed',
    `${by.program} api ended with ${result.exitCode ?? 'a signal'} and gave no answer: ${said || 'it said nothing'}`,
    { details: { class: 'permanent', exit_code: result.exitCode } },
  );
}
