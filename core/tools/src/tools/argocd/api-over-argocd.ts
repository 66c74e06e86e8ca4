import { AppError } from '@carapulse/kernel';
import { egressTo } from '../../http-connector.ts';
import type { CommandResult, SandboxFile } from '../../sandbox.ts';
import type { ToolCommand } from '../../tool-definition.ts';
import { KEY_INFO } from './application.ts';
import { argocdFailure, tokenOf } from './argocd-api.ts';
import type { ArgocdApi, Refresh, Runtime, SyncRequest } from './argocd-api.ts';
import type { Instance } from './argocd-settings.ts';

export function getWords(app: string, refresh: Refresh): readonly string[] {
  const flags = { none: [], normal: ['--refresh'], hard: ['--hard-refresh'] };
  return ['get', '--output=json', ...flags[refresh], '--', app];
}

/** No `--project`, which would sync all applications of the project; whose it is was read just before. */
export function syncWords({ app, revision, prune, key }: SyncRequest): readonly string[] {
  const flags = [`--revision=${revision}`, ...(prune ? ['--prune'] : []), `--info=${KEY_INFO}=${key}`];
  return ['sync', '--async', ...flags, '--', app];
}

/**
 * A command of `argocd app` in its scratch directory, by gRPC, which goes through the sandbox's proxy by SOCKS. The
 * configuration is of this one call and holds the only token; the authority of the settings is all that Go finds.
 */
export function argocdCommand(
  scratch: string,
  instance: Instance,
  token: string,
  words: readonly string[],
): ToolCommand {
  const { ca } = instance;
  const authority = { path: `${scratch}/ca.pem`, text: ca ?? '' };
  const trust = { SSL_CERT_FILE: authority.path, SSL_CERT_DIR: `${scratch}/no-certificates` };
  const config = configFile(scratch, instance, token);
  return {
    argv: ['argocd', 'app', `--config=${config.path}`, ...words],
    cwd: scratch,
    env: {
      HOME: scratch,
      // Where argocd opens sockets.
      TMPDIR: scratch,
      LC_ALL: 'C',
      TZ: 'UTC',
      ARGOCD_CONFIG_DIR: scratch,
      ...(ca === undefined ? {} : trust),
    },
    files: [config, ...(ca === undefined ? [] : [authority])],
    mounts: [{ path: scratch, mode: 'rw' }],
    egress: egressTo(instance.url, instance.egress),
  };
}

function configFile(scratch: string, { url, name }: Instance, token: string): SandboxFile {
  const { hostname, port, protocol } = new URL(url);
  const plain = protocol === 'http:';
  const server = `${hostname}:${port || (plain ? '80' : '443')}`;
  const config = {
    'current-context': name,
    'prompts-enabled': false,
    contexts: [{ name, server, user: name }],
    servers: [{ server, 'plain-text': plain }],
    users: [{ name, 'auth-token': token }],
  };
  // JSON is YAML.
  return { path: `${scratch}/config`, text: `${JSON.stringify(config)}\n` };
}

/** The API by the program argocd. */
export function apiOverArgocd(runtime: Pick<Runtime, 'exec' | 'scratch'>, instance: Instance): ArgocdApi {
  const run = async (words: readonly string[], access: 'read' | 'write'): Promise<string> => {
    const token = tokenOf(instance, access);
    const result = await runtime.exec(argocdCommand(runtime.scratch, instance, token, words));
    if (result.exitCode === 0) return result.stdout;
    const stderr = result.stderr.replaceAll(token, '[redacted:token]');
    throw programFailure(instance, { ...result, stderr });
  };
  return {
    get: async ({ app }, refresh) => {
      const said = await run(getWords(app, refresh), 'read');
      try {
        return JSON.parse(said) as unknown;
      } catch (error) {
        throw new AppError('tool_failed', 'argocd app get answered with what is no JSON.', {
          cause: error,
          details: { class: 'permanent', reason: 'answer_no_json' },
        });
      }
    },
    sync: async (request) => {
      await run(syncWords(request), 'write');
    },
  };
}

/** The statuses with which the HTTP API says the same (grpc-gateway); what isn't named is 500. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  Canceled: 408,
  InvalidArgument: 400,
  DeadlineExceeded: 504,
  NotFound: 404,
  AlreadyExists: 409,
  PermissionDenied: 403,
  Unauthenticated: 401,
  ResourceExhausted: 429,
  FailedPrecondition: 400,
  Aborted: 409,
  OutOfRange: 400,
  Unimplemented: 501,
  Unavailable: 503,
};
const UNREACHABLE = /Failed to establish connection|dial|connect|\bEOF\b|timeout|deadline|x509|tls:/i;

/** What argocd says of an answer, in the words of the server; else that there was none. */
export function programFailure(
  instance: Instance,
  result: Pick<CommandResult, 'exitCode' | 'stderr' | 'durationMs'>,
): AppError {
  const said = fatalMessage(result.stderr);
  const answered = /rpc error: code = (\w+) desc = ([\s\S]*)$/.exec(said);
  if (answered !== null) {
    const [, code = '', message = ''] = answered;
    const status = STATUS_OF_CODE[code] ?? 500;
    // It gets an application's project too, and then prints nothing of what it may see.
    const hint = code === 'PermissionDenied' ? '; argocd also gets the project' : '';
    const body = JSON.stringify({ message: `${message}${hint}` });
    return argocdFailure(instance, {
      status,
      headers: {},
      body,
      truncated: false,
      durationMs: result.durationMs,
    });
  }
  if (UNREACHABLE.test(said)) {
    return new AppError(
      'unavailable',
      `${instance.where} can't be reached by argocd: ${said} Where a proxy before it passes no gRPC, set grpc: false there.`,
      { retryable: true, details: { class: 'transient' } },
    );
  }
  return new AppError(
    'tool_failed',
    `argocd ended with ${result.exitCode ?? 'a signal'}: ${said || 'it said nothing'}`,
    { details: { class: 'permanent', exit_code: result.exitCode } },
  );
}

/** It logs as lines of JSON, the last of which says why it ended. */
function fatalMessage(stderr: string): string {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  try {
    const { msg } = JSON.parse(last) as { readonly msg?: unknown };
    return (typeof msg === 'string' ? msg : last).slice(0, 500);
  } catch {
    return last.slice(0, 500);
  }
}
