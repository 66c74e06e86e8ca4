import { canonicalJson } from '@carapulse/kernel';
import { beforeEffect, stale } from '../../before-effect.ts';
import { clusterEgress } from '../../kubernetes/cluster-settings.ts';
import { apiFailure } from '../../kubernetes/kubernetes-api.ts';
import { mintWriteToken } from '../../kubernetes/write-access.ts';
import { urlBelow } from '../../http-connector.ts';
import { contentDigest } from './compare-manifests.ts';
import { assertReachListed } from './helm-action.ts';
import type { HelmCallContext } from './helm-action.ts';
import { runHelm } from './helm-command.ts';
import type { HelmCall } from './helm-command.ts';
import type { RollbackInput } from './helm-input.ts';
import { changeBetween } from './release-change.ts';
import { isOfRun, makerOf, markOf, ROLLBACK_LABEL } from './release-mark.ts';
import { assertAt, outputOfWrite, progressOfWrite, settleWrite } from './release-write.ts';
import type { WriteOutput } from './release-write.ts';
import { isPending, recordName, secretsPath } from './release-store.ts';
import type { StoredRevision } from './release-store.ts';

export interface GoingBack {
  /** Whose revision may be left when it is pending. */
  readonly execution: string;
  /** True: it must be pending. */
  readonly repairs: boolean;
}

export function rollbackCall(
  { namespace, release, to_revision: to }: RollbackInput,
  historyMax: number,
): HelmCall {
  return {
    namespace,
    args: [
      'rollback',
      '--wait=false',
      '--timeout=5m',
      `--history-max=${historyMax}`,
      '--',
      release,
      String(to),
    ],
    shown: true,
  };
}

/** Makes a new revision out of a recorded one, if the release is where the plan says. */
export async function goBack(
  call: HelmCallContext,
  input: RollbackInput,
  back: GoingBack,
): Promise<WriteOutput> {
  const { runtime, cluster, records } = call;
  const key = runtime.idempotencyKey;
  const made = await beforeEffect('The cluster', async () => {
    const revisions = await records.stored(input.namespace, input.release);
    if (progressOfWrite(revisions, input, ROLLBACK_LABEL, key).kind === 'made') return true;
    await assertAsPlanned(call, input, revisions, back);
    return false;
  });
  if (made) return await outputOfWrite(call, input, ROLLBACK_LABEL);
  const token = await mintWriteToken(runtime, cluster);
  // The new revision takes its labels from the target, from its first moment.
  await beforeEffect('The cluster', () => labelTarget(call, input, token, markOf(key)));
  await beforeEffect('The cluster', async () => {
    assertAt(input, await records.stored(input.namespace, input.release));
  });
  runtime.signal.throwIfAborted();
  const result = await runHelm(runtime, cluster, token, rollbackCall(input, runtime.settings.history_max));
  return await settleWrite(call, input, ROLLBACK_LABEL, { verb: 'rollback', result });
}

async function assertAsPlanned(
  { cluster }: HelmCallContext,
  input: RollbackInput,
  revisions: readonly StoredRevision[],
  { execution, repairs }: GoingBack,
): Promise<void> {
  const { namespace, release } = input;
  const what = `Release ${namespace}/${release}`;
  assertReachListed(cluster, input);
  const current = assertAt(input, revisions);
  const isOurs = isOfRun(revisions, current, execution);
  const at = `revision ${current.revision} of ${what} (${current.status})`;
  if (isPending(current.status) && !isOurs) {
    throw stale('pending_of_others', `The ${at} was left by ${makerOf(current)}; it is theirs to put right.`);
  }
  if (repairs && !isPending(current.status)) throw stale('not_pending', `The ${at} needs no repair.`);
  const present = await current.record();
  if (!isOurs && contentDigest(present) !== input.from_manifest) {
    throw stale(
      'content_differs',
      `The ${at} is not the one that was planned, but made by ${makerOf(current)}.`,
    );
  }
  const target = revisions.find(({ revision }) => revision === input.to_revision);
  if (target === undefined) {
    throw stale('target_pruned', `${what} has no revision ${input.to_revision} any more.`);
  }
  const content = await target.record();
  if (contentDigest(content) !== input.expected_manifest) {
    throw stale(
      'target_differs',
      `Revision ${input.to_revision} of ${what} is not made of what was planned.`,
    );
  }
  // Of a revision of ours that came out otherwise than planned the way back is still the planned one.
  if (isOurs) return;
  const { facts } = changeBetween(present, content, { namespace, labels: { from: '', to: '' } });
  const { changes, namespaces, images, replicas, secret_objects } = input;
  if (canonicalJson(facts) !== canonicalJson({ changes, namespaces, images, replicas, secret_objects })) {
    throw stale('changes_differ', `Rolling back ${what} changes other objects than was planned.`);
  }
}

/** A label of the target's record is all that is patched; Helm itself leaves unknown labels alone. */
async function labelTarget(
  { runtime, cluster }: HelmCallContext,
  { namespace, release, to_revision: to }: RollbackInput,
  token: string,
  mark: string,
): Promise<void> {
  const answer = await runtime.http({
    method: 'PATCH',
    url: urlBelow(cluster.server, `${secretsPath(namespace)}/${recordName(release, to)}`, [
      ['fieldManager', 'carapulse'],
    ]),
    headers: {
      accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
      authorization: `Bearer ${token}`,
      'content-type': 'application/merge-patch+json',
    },
    body: JSON.stringify({ metadata: { labels: { [ROLLBACK_LABEL]: mark } } }),
    egress: clusterEgress(cluster),
    tls: { ca: cluster.ca },
  });
  if (answer.status >= 200 && answer.status <= 299) return;
  throw apiFailure(cluster.name, { status: answer.status, reason: '', message: answer.body });
}
