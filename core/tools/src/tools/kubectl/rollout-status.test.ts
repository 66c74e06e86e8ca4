import { describe, expect, test } from 'vitest';
import { deployment } from './kubectl.testing.ts';
import { Workload } from './object-shapes.ts';
import { statusOf } from './rollout-status.ts';
import type { WorkloadKind } from './rollout-status.ts';

const progressing = (reason: string) => [{ type: 'Progressing', status: 'False', reason, message: 'm' }];
const rolling = { updateStrategy: { type: 'RollingUpdate' } };

function reasonOf(kind: WorkloadKind, spec: object, status: object): string {
  const raw = deployment({ spec, status: { observedGeneration: 3, ...status } });
  const { reason, complete, failed } = statusOf(kind, Workload.parse(raw));
  expect(complete).toBe(reason === 'complete');
  expect(failed).toBe(reason === 'deadline_exceeded');
  return reason;
}

describe('a Deployment, by the rules of kubectl', () => {
  test.each([
    ['spec_not_observed', { observedGeneration: 2, updatedReplicas: 2, replicas: 2, availableReplicas: 2 }],
    [
      'deadline_exceeded',
      { updatedReplicas: 2, replicas: 2, conditions: progressing('ProgressDeadlineExceeded') },
    ],
    ['pods_not_updated', { updatedReplicas: 1, replicas: 2, availableReplicas: 2 }],
    ['old_pods_terminating', { updatedReplicas: 2, replicas: 3, availableReplicas: 3 }],
    ['pods_not_available', { updatedReplicas: 2, replicas: 2, availableReplicas: 1 }],
    ['complete', { updatedReplicas: 2, replicas: 2, availableReplicas: 2, conditions: progressing('Other') }],
  ])('%s', (reason, status) => {
    expect(reasonOf('deployment', {}, status)).toBe(reason);
  });

  test('without pods is complete', () => {
    expect(reasonOf('deployment', { replicas: 0 }, {})).toBe('complete');
  });
});

describe('a DaemonSet', () => {
  test.each([
    ['not_rolling', { updateStrategy: { type: 'OnDelete' } }, {}],
    ['spec_not_observed', rolling, { observedGeneration: 1 }],
    [
      'pods_not_updated',
      rolling,
      { desiredNumberScheduled: 2, updatedNumberScheduled: 1, numberAvailable: 2 },
    ],
    [
      'pods_not_available',
      rolling,
      { desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 1 },
    ],
    ['complete', rolling, { desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2 }],
  ])('%s', (reason, spec, status) => {
    expect(reasonOf('daemonset', spec, status)).toBe(reason);
  });
});

describe('a StatefulSet', () => {
  const partitioned = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } };
  const differ = { currentRevision: 'a', updateRevision: 'b' };
  test.each([
    ['not_rolling', { updateStrategy: { type: 'OnDelete' } }, {}],
    ['spec_not_observed', rolling, { observedGeneration: 0 }],
    ['pods_not_ready', rolling, { readyReplicas: 1 }],
    ['pods_not_updated', rolling, { readyReplicas: 2, ...differ }],
    ['complete', rolling, { readyReplicas: 2, currentRevision: 'b', updateRevision: 'b' }],
    ['pods_not_updated', partitioned, { readyReplicas: 2, ...differ, updatedReplicas: 0 }],
    ['complete', partitioned, { readyReplicas: 2, ...differ, updatedReplicas: 1 }],
  ])('%s', (reason, spec, status) => {
    expect(reasonOf('statefulset', spec, status)).toBe(reason);
  });
});
