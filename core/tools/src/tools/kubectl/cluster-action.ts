import type { RepeatClass } from '@carapulse/plan';
import type { Effect } from '@carapulse/policy';
import type { z } from 'zod';
import { apiOverHttp } from '../../kubernetes/api-over-http.ts';
import { assertNamespaceListed, findCluster } from '../../kubernetes/cluster-settings.ts';
import type { Cluster, ClustersSettings } from '../../kubernetes/cluster-settings.ts';
import type { KubernetesApi } from '../../kubernetes/kubernetes-api.ts';
import { ClusterName, DnsLabel, ObjectName, ObjectUid } from '../../kubernetes/kubernetes-names.ts';
import { mintWriteToken } from '../../kubernetes/write-access.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import type { AnyAction, Observation, ToolRuntime, Transport, TransportKind } from '../../tool-definition.ts';
import { apiOverKubectl } from './api-over-kubectl.ts';

/** What an action has to work with: the API, by whichever transport, and whom it speaks to. */
export interface ClusterCall {
  readonly api: KubernetesApi;
  readonly cluster: Cluster;
  /** Marks what a write made; all attempts of a step share it. */
  readonly key: string;
}

type Runtime = ToolRuntime<ClustersSettings>;

interface Located {
  readonly cluster: string;
  readonly namespace?: string | undefined;
}

interface ActionParts<Input, Output> {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType<Input>;
  readonly output: z.ZodType<Output>;
  readonly effects: (input: Input) => readonly Effect[];
  readonly run: (input: Input, call: ClusterCall) => Promise<Output>;
  /** Arguments of kubectl as a person would type them. */
  readonly commands: (input: Input) => ReadonlyArray<readonly string[]>;
  readonly timeoutMs?: number;
}

interface WriteParts<Input, Output> extends ActionParts<Input, Output> {
  readonly repeat: RepeatClass;
  readonly observe?: (input: Input, call: ClusterCall) => Promise<Observation>;
  readonly readBack?: (input: Input, call: ClusterCall) => Promise<Output>;
}

/** Where every action starts: a cluster and a namespace of it. */
export const place = { cluster: ClusterName, namespace: DnsLabel };
/** One object, as it was when the plan was made. */
export const identified = { ...place, name: ObjectName, uid: ObjectUid };

/** A read, with both transports. */
export function clusterRead<Input extends Located, Output>(
  parts: ActionParts<Input, Output>,
): AnyAction<ClustersSettings> {
  return clusterAction({ ...parts, repeat: 'convergent' }, 'read');
}

/** A write, with both transports; each attempt has a token of its own. */
export function clusterWrite<Input extends Located, Output>(
  parts: WriteParts<Input, Output>,
): AnyAction<ClustersSettings> {
  return clusterAction(parts, 'write');
}

function clusterAction<Input extends Located, Output>(
  parts: WriteParts<Input, Output>,
  kind: 'read' | 'write',
): AnyAction<ClustersSettings> {
  const { observe, readBack } = parts;
  const transport = (by: TransportKind): Transport<ClustersSettings, Input> => ({
    kind: by,
    ...(by === 'cli' ? { program: 'kubectl' } : {}),
    run: async (input, runtime) => parts.run(input, await open(runtime, input, by, kind)),
  });
  return defineAction<ClustersSettings, Input, Output>({
    name: parts.name,
    description: parts.description,
    kind,
    repeat: parts.repeat,
    revision: 1,
    input: parts.input,
    output: parts.output,
    effects: parts.effects,
    transports: [transport('cli'), transport('http')],
    ...(observe === undefined
      ? {}
      : { observe: async (input, runtime) => observe(input, await open(runtime, input, 'http', 'read')) }),
    ...(readBack === undefined
      ? {}
      : { readBack: async (input, runtime) => readBack(input, await open(runtime, input, 'http', 'read')) }),
    commands: (input) =>
      parts.commands(input).map((words) => shellLine(['kubectl', `--context=${input.cluster}`, ...words])),
    timeoutMs: parts.timeoutMs ?? 60_000,
    maxOutputBytes: 16_000_000,
  });
}

async function open(
  runtime: Runtime,
  input: Located,
  by: TransportKind,
  kind: 'read' | 'write',
): Promise<ClusterCall> {
  const cluster = findCluster(runtime.settings, 'kubectl', input.cluster);
  if (input.namespace !== undefined) assertNamespaceListed(cluster, input.namespace);
  const token = kind === 'write' ? await mintWriteToken(runtime, cluster) : cluster.token;
  const api = by === 'cli' ? apiOverKubectl(runtime, cluster, token) : apiOverHttp(runtime, cluster, token);
  return { api, cluster, key: runtime.idempotencyKey };
}
