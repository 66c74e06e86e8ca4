import { AppError } from '@carapulse/kernel';
import { clusterEgress } from '../../kubernetes/cluster-settings.ts';
import type { Cluster } from '../../kubernetes/cluster-settings.ts';
import { kubeconfigFile } from '../../kubernetes/kubeconfig.ts';
import { apiFailure, FIELD_MANAGER, statusOfReason } from '../../kubernetes/kubernetes-api.ts';
import type { KubernetesApi, PatchOptions, Query } from '../../kubernetes/kubernetes-api.ts';
import { kubectlType } from '../../kubernetes/kubernetes-kinds.ts';
import type { ObjectRef } from '../../kubernetes/kubernetes-kinds.ts';
import type { CommandResult, SandboxFile } from '../../sandbox.ts';
import type { ToolCommand, ToolRuntime } from '../../tool-definition.ts';

export type ExecRuntime = Pick<ToolRuntime<unknown>, 'exec' | 'scratch'>;

/** The arguments of one kubectl command, with what it reads. */
export interface KubectlCall {
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly file?: SandboxFile;
}

export function rawGet(cluster: Cluster, path: string, query: Query): KubectlCall {
  return { args: ['get', `--raw=${rawPath(cluster, path, query)}`] };
}

export function rawCreate(cluster: Cluster, path: string, body: object): KubectlCall {
  const to = rawPath(cluster, path, [['fieldManager', FIELD_MANAGER]]);
  return { args: ['create', `--raw=${to}`, '--filename=-'], stdin: JSON.stringify(body) };
}

export function patchCall(
  scratch: string,
  object: ObjectRef,
  body: object,
  { type, dryRun = false }: PatchOptions,
): KubectlCall {
  const file = { path: `${scratch}/patch.json`, text: JSON.stringify(body) };
  return {
    args: [
      'patch',
      ...inNamespace(object),
      `--type=${type}`,
      `--patch-file=${file.path}`,
      ...answering(dryRun),
      '--',
      kubectlType(object.kind),
      object.name,
    ],
    file,
  };
}

export function applyCall(object: ObjectRef, body: object, dryRun: boolean): KubectlCall {
  return {
    args: [
      'apply',
      ...inNamespace(object),
      '--server-side',
      '--validate=strict',
      '--filename=-',
      ...answering(dryRun),
    ],
    stdin: JSON.stringify(body),
  };
}

/** The command in its scratch directory: the kubeconfig is the only configuration and holds the only credential. */
export function kubectlCommand(
  scratch: string,
  cluster: Cluster,
  token: string,
  call: KubectlCall,
): ToolCommand {
  const config = kubeconfigFile(scratch, cluster, token);
  return {
    argv: ['kubectl', `--kubeconfig=${config.path}`, `--cache-dir=${scratch}/cache`, ...call.args],
    cwd: scratch,
    env: { HOME: scratch, LC_ALL: 'C', TZ: 'UTC', KUBECTL_KUBERC: 'false' },
    ...(call.stdin === undefined ? {} : { stdin: call.stdin }),
    files: [config, ...(call.file === undefined ? [] : [call.file])],
    mounts: [{ path: scratch, mode: 'rw' }],
    egress: clusterEgress(cluster),
  };
}

/** The API by kubectl. */
export function apiOverKubectl(runtime: ExecRuntime, cluster: Cluster, token: string): KubernetesApi {
  const text = async (call: KubectlCall): Promise<string> => {
    const result = await runtime.exec(kubectlCommand(runtime.scratch, cluster, token, call));
    if (result.exitCode === 0) return result.stdout;
    throw kubectlFailure(cluster.name, call, hide(result, token));
  };
  const json = async (call: KubectlCall): Promise<unknown> => {
    const said = await text(call);
    try {
      return JSON.parse(said) as unknown;
    } catch (error) {
      throw new AppError('tool_failed', `kubectl ${call.args[0]} answered with what is no JSON.`, {
        cause: error,
        details: { class: 'permanent', reason: 'answer_no_json' },
      });
    }
  };
  return {
    get: (path, query = []) => json(rawGet(cluster, path, query)),
    text: (path, query = []) => text(rawGet(cluster, path, query)),
    create: (path, body) => json(rawCreate(cluster, path, body)),
    patch: (object, body, options) => json(patchCall(runtime.scratch, object, body, options)),
    apply: (object, body, { dryRun }) => json(applyCall(object, body, dryRun)),
  };
}

const DENIED = /^(?:error when [^\n]*?: )?admission webhook "[^"\n]+" denied the request/;

/** What kubectl says of an answer of the API server, in the words in which the server said it. */
export function kubectlFailure(
  cluster: string,
  call: KubectlCall,
  result: Pick<CommandResult, 'exitCode' | 'stderr'>,
): AppError {
  const said = result.stderr.replaceAll(/^Warning: .*\n?/gm, '').trim();
  const named = /^Error from server(?: \((\w+)\))?: ([\s\S]*)$/m.exec(said);
  if (named !== null) {
    const [, reason = '', message = ''] = named;
    // Without a reason it may be anything, so nothing is claimed of its effect; a webhook's no comes before any.
    const unnamed = DENIED.test(message) ? 400 : 500;
    const status = reason === '' ? unnamed : statusOfReason(reason);
    return apiFailure(cluster, { status, reason, message });
  }
  const invalid = /^The [\w.]+ "[^"]*" is invalid: ?[\s\S]*$/m.exec(said);
  if (invalid !== null) {
    // kubectl has its own words for the kind where the server says kind and group.
    return apiFailure(cluster, { status: 422, reason: 'Invalid', message: invalid[0] });
  }
  const conflict = /^error: (Apply failed with \d+ conflict[\s\S]*?)(?:\nPlease review|$)/m.exec(said);
  if (conflict !== null) {
    return apiFailure(cluster, { status: 409, reason: 'Conflict', message: conflict[1] ?? '' });
  }
  if (/You must be logged in to the server/.test(said)) {
    return apiFailure(cluster, { status: 401, reason: 'Unauthorized', message: 'Unauthorized' });
  }
  if (/^(Unable to connect to the server|The connection to the server|Get "|Post "|Patch ")/m.test(said)) {
    return new AppError('unavailable', `Cluster ${cluster} can't be reached: ${said.slice(0, 500)}`, {
      retryable: true,
      details: { class: 'transient' },
    });
  }
  return new AppError(
    'tool_failed',
    `kubectl ${call.args[0]} on ${cluster} ended with ${result.exitCode ?? 'a signal'}: ${said.slice(0, 500) || 'it said nothing'}`,
    { details: { class: 'permanent', exit_code: result.exitCode } },
  );
}

function hide(result: CommandResult, token: string): CommandResult {
  return { ...result, stderr: result.stderr.replaceAll(token, '[redacted:token]') };
}

/** kubectl puts a raw path below the host, not below the path of the server's URL. */
function rawPath(cluster: Cluster, path: string, query: Query): string {
  const prefix = new URL(cluster.server).pathname.replace(/\/+$/, '');
  const search = new URLSearchParams(
    query.map(([name, value]): [string, string] => [name, value]),
  ).toString();
  return `${prefix}${path}${search === '' ? '' : `?${search}`}`;
}

function inNamespace({ namespace }: ObjectRef): readonly string[] {
  return namespace === null ? [] : [`--namespace=${namespace}`];
}

function answering(dryRun: boolean): readonly string[] {
  return [
    `--field-manager=${FIELD_MANAGER}`,
    '--output=json',
    // managedFields are left out otherwise.
    '--show-managed-fields',
    ...(dryRun ? ['--dry-run=server'] : []),
  ];
}
