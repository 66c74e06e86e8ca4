import { z } from 'zod';
import { orNull } from '../../kubernetes/kubernetes-api.ts';
import { objectPath } from '../../kubernetes/kubernetes-kinds.ts';
import { statusOf } from '../kubectl/rollout-status.ts';
import { Workload } from '../kubectl/object-shapes.ts';
import { contentDigest } from './compare-manifests.ts';
import { releasePlace, releaseTarget } from './helm-names.ts';
import { releaseRead } from './reads.ts';
import { WorkloadRef, workloadsOf } from './release-change.ts';
import { ReleaseStatus } from './release-record.ts';

const Input = z.strictObject(releasePlace);
const Output = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  release: z.string(),
  /** Null: there is no such release. */
  revision: z.int().nullable(),
  status: ReleaseStatus.nullable(),
  manifest_digest: z.string().nullable(),
  /** The release is deployed, and so is all in it that has a rollout. */
  complete: z.boolean(),
  /** One of them will not complete by itself. */
  failed: z.boolean(),
  workloads: z.array(WorkloadRef.extend({ complete: z.boolean(), failed: z.boolean(), reason: z.string() })),
});

/** How far a release's rollouts are, now; it doesn't wait. A workload that is missing is not complete. */
export const rolloutStatus = releaseRead<z.infer<typeof Input>, z.infer<typeof Output>>({
  name: 'rollout_status',
  description: 'Whether a release is deployed and the rollouts of its workloads are complete',
  input: Input,
  output: Output,
  target: releaseTarget,
  run: async ({ cluster, namespace, release }, { api, releases }) => {
    const found = await releases.revision(namespace, release);
    const refs = found === null ? [] : workloadsOf(found, namespace);
    const workloads = [];
    for (const ref of refs) {
      const live = await orNull(api.get(objectPath(ref)));
      const state =
        live === null
          ? { complete: false, failed: false, reason: 'missing' }
          : statusOf(ref.kind, Workload.parse(live));
      workloads.push({ ...ref, complete: state.complete, failed: state.failed, reason: state.reason });
    }
    return {
      cluster,
      namespace,
      release,
      revision: found?.revision ?? null,
      status: found?.status ?? null,
      manifest_digest: found === null ? null : contentDigest(found),
      complete: found?.status === 'deployed' && workloads.every(({ complete }) => complete),
      failed: found?.status === 'failed' || workloads.some(({ failed }) => failed),
      workloads,
    };
  },
  command: ({ release }) => ['status', '--show-resources', release],
});
