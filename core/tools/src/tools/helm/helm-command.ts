import { AppError } from '@carapulse/kernel';
import { clusterEgress } from '../../kubernetes/cluster-settings.ts';
import type { Cluster } from '../../kubernetes/cluster-settings.ts';
import { kubeconfigFile } from '../../kubernetes/kubeconfig.ts';
import { apiFailure } from '../../kubernetes/kubernetes-api.ts';
import type { CommandResult, SandboxFile } from '../../sandbox.ts';
import type { ToolCommand, ToolRuntime } from '../../tool-definition.ts';

export type ExecRuntime = Pick<ToolRuntime<unknown>, 'exec' | 'scratch'>;

/** A helm command that speaks to a cluster. */
export interface HelmCall {
  readonly namespace: string;
  /** Starting with the verb. */
  readonly args: readonly [string, ...string[]];
  readonly files?: readonly SandboxFile[];
  readonly shown?: boolean;
}

/** Nothing of the user's configuration, plugins, caches or repositories takes part. */
export function helmEnv(scratch: string): Readonly<Record<string, string>> {
  return {
    HOME: scratch,
    LC_ALL: 'C',
    TZ: 'UTC',
    HELM_DRIVER: 'secret',
    HELM_NO_PLUGINS: '1',
    HELM_PLUGINS: `${scratch}/helm/plugins`,
    HELM_CACHE_HOME: `${scratch}/helm/cache`,
    HELM_CONFIG_HOME: `${scratch}/helm/config`,
    HELM_DATA_HOME: `${scratch}/helm/data`,
  };
}

/** The command in its scratch directory: the kubeconfig is the only configuration and holds the only credential. */
export function helmCommand(scratch: string, cluster: Cluster, token: string, call: HelmCall): ToolCommand {
  const config = kubeconfigFile(scratch, cluster, token);
  return {
    argv: ['helm', `--kubeconfig=${config.path}`, `--namespace=${call.namespace}`, ...call.args],
    cwd: scratch,
    env: helmEnv(scratch),
    files: [config, ...(call.files ?? [])],
    mounts: [{ path: scratch, mode: 'rw' }],
    egress: clusterEgress(cluster),
    ...(call.shown === undefined ? {} : { shown: call.shown }),
  };
}

/** Runs helm and gives its result whatever the exit status, without the token. */
export async function runHelm(
  runtime: ExecRuntime,
  cluster: Cluster,
  token: string,
  call: HelmCall,
): Promise<CommandResult> {
  const result = await runtime.exec(helmCommand(runtime.scratch, cluster, token, call));
  return { ...result, stderr: result.stderr.replaceAll(token, '[redacted:token]') };
}

/** JSON of a command that must succeed. @throws AppError as `helmFailure`. */
export async function helmJson(
  runtime: ExecRuntime,
  cluster: Cluster,
  token: string,
  call: HelmCall,
): Promise<unknown> {
  const result = await runHelm(runtime, cluster, token, call);
  if (result.exitCode !== 0) throw helmFailure(cluster.name, call.args[0], result);
  try {
    return JSON.parse(result.stdout) as unknown;
  } catch (error) {
    throw new AppError('tool_failed', `helm ${call.args[0]} answered with what is no JSON.`, {
      cause: error,
      details: { class: 'permanent', reason: 'answer_no_json' },
    });
  }
}

/** Helm's own words for "there is no such release or revision". */
export function saysNotFound({ stderr }: Pick<CommandResult, 'stderr'>): boolean {
  return /release: not found/.test(stderr);
}

/** What helm failed at. Nothing is claimed of the effect: its caller knows whether there could be one. */
export function helmFailure(
  cluster: string,
  verb: string,
  result: Pick<CommandResult, 'exitCode' | 'stderr' | 'stoppedBy'>,
): AppError {
  const said = result.stderr
    .replaceAll(/^(WARNING|walk\.go:\d+).*\n?/gm, '')
    .trim()
    .slice(0, 1000);
  if (/Kubernetes cluster unreachable|connection refused|i\/o timeout/.test(said)) {
    return new AppError('unavailable', `Cluster ${cluster} can't be reached by helm: ${said}`, {
      retryable: true,
      details: { class: 'transient' },
    });
  }
  const forbidden = /(?:^|: )([\w.]+(?: "[^"]*")? is forbidden: [\s\S]*)$/.exec(said);
  if (forbidden !== null) {
    const { code, message, details } = apiFailure(cluster, {
      status: 403,
      reason: 'Forbidden',
      message: forbidden[1] ?? said,
    });
    // What helm did before the cluster refused isn't known here.
    const { effect: _, ...known } = details;
    return new AppError(code, message, { details: known });
  }
  const end =
    result.exitCode === null
      ? `was ended (${result.stoppedBy ?? 'a signal'})`
      : `ended with ${result.exitCode}`;
  return new AppError('tool_failed', `helm ${verb} on ${cluster} ${end}: ${said || 'it said nothing'}`, {
    details: { class: 'permanent', exit_code: result.exitCode },
  });
}
