import { AppError, toAppError } from '@carapulse/kernel';
import { z } from 'zod';
import { apiOverHttp } from './api-over-http.ts';
import type { HttpRuntime } from './api-over-http.ts';
import type { Cluster } from './cluster-settings.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { objectPath } from './kubernetes-kinds.ts';

/** The shortest that the API server gives. */
const TOKEN_SECONDS = 600;

const KubeSystem = z.object({ metadata: z.object({ uid: z.string() }) });
const TokenRequest = z.object({ status: z.object({ token: z.string().min(1) }) });

/**
 * Reads the uid of kube-system and compares it with the settings: a name or an address may lead to another cluster.
 * @throws AppError `plan_stale` (`cluster_identity`), `effect: 'none'`.
 */
export async function assertClusterIdentity(runtime: HttpRuntime, cluster: Cluster): Promise<void> {
  const api = apiOverHttp(runtime, cluster, cluster.token);
  const path = objectPath({ kind: 'namespace', namespace: null, name: 'kube-system' });
  const found = await without(
    `Cluster ${cluster.name} could not be identified`,
    async () => KubeSystem.parse(await api.get(path)).metadata.uid,
  );
  if (found === cluster.uid) return;
  throw new AppError(
    'plan_stale',
    `Cluster ${cluster.name} at ${cluster.server} has kube-system ${found}, not ${cluster.uid} as in ${cluster.where}.uid: ` +
      `it is another cluster. Nothing was written; correct server or uid, then make a new plan.`,
    { details: { class: 'permanent', effect: 'none', reason: 'cluster_identity' } },
  );
}

/**
 * A token for one write: of the write account, for ten minutes, after the cluster was identified. Called when the step
 * runs, so never before its approval.
 * @throws AppError `forbidden` (`write_account_missing`), `plan_stale` (`cluster_identity`), or why none was given; all
 * with `effect: 'none'`.
 */
export async function mintWriteToken(runtime: HttpRuntime, cluster: Cluster): Promise<string> {
  const account = cluster.write_account;
  if (account === undefined) {
    throw new AppError(
      'forbidden',
      `${cluster.where} has no write_account, so nothing is written to ${cluster.name}. Set ` +
        `write_account: {namespace, name} to a ServiceAccount that may write, and let the standing token create ` +
        `serviceaccounts/token for it.`,
      { details: { class: 'permanent', effect: 'none', reason: 'write_account_missing' } },
    );
  }
  await assertClusterIdentity(runtime, cluster);
  const api: KubernetesApi = apiOverHttp(runtime, cluster, cluster.token);
  const path = objectPath({ kind: 'serviceaccount', ...account }, 'token');
  return await without(
    `Cluster ${cluster.name} gave no token for ServiceAccount ${account.namespace}/${account.name}`,
    async () => {
      const answer = await api.create(path, {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: TOKEN_SECONDS },
      });
      return TokenRequest.parse(answer).status.token;
    },
  );
}

/** What comes before a write has no effect, however it fails. */
async function without<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const odd = error instanceof z.ZodError;
    const failed = odd ? null : toAppError(error);
    throw new AppError(
      failed?.code ?? 'tool_failed',
      `${what}: ${failed?.message ?? 'its answer is not understood'}`,
      {
        cause: error,
        retryable: failed?.retryable ?? false,
        details: { class: 'permanent', ...failed?.details, effect: 'none' },
      },
    );
  }
}
