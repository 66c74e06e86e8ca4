import { join } from 'node:path';
import { AppError } from '@carapulse/kernel';
import { OpaPolicy } from '@carapulse/policy-opa';
import { findOpaBinary, startOpaServer } from '@carapulse/policy-opa/opa-server';
import type { PolicyInput } from '@carapulse/policy';
import type { Measurement } from './measurement.ts';

const WARM_UP = 1000;
const SAMPLES = 5000;
const policiesDir = join(import.meta.dirname, '..', '..', 'policies');

/** A decision over the shipped rules, in process, beside the same decision by an OPA server over kept-alive HTTP. */
export const bench = { name: 'policy decision', peer: 'OPA server over HTTP', run };

async function run(): Promise<readonly Measurement[]> {
  const binary = findOpaBinary(process.env);
  if (binary === null) {
    throw new AppError(
      'unavailable',
      'No OPA server to compare with; run `node native/build-servers.ts opa`',
    );
  }
  const { signal } = new AbortController();
  const policy = new OpaPolicy({ dir: policiesDir });
  await policy.reload(signal);
  const server = await startOpaServer(binary, policiesDir, signal);
  try {
    const ours = await sample((question) => policy.decide(question, signal));
    const peer = await sample((question) => server.decide(JSON.stringify(question), signal));
    return [
      compare('p50', 0.5, ours, peer, '≥ 10× faster'),
      compare('p99', 0.99, ours, peer, '≤ 1 ms, ≥ 10× faster'),
    ];
  } finally {
    await server.stop();
  }
}

async function sample(decide: (question: PolicyInput) => Promise<unknown>): Promise<readonly number[]> {
  const tookMs: number[] = [];
  for (let index = -WARM_UP; index < SAMPLES; index += 1) {
    const question = questionAt(index + WARM_UP);
    const startedAt = performance.now();
    await decide(question);
    if (index >= 0) tookMs.push(performance.now() - startedAt);
  }
  return tookMs.toSorted((a, b) => a - b);
}

function compare(
  name: string,
  quantile: number,
  ours: readonly number[],
  peer: readonly number[],
  aim: string,
): Measurement {
  const at = Math.floor(SAMPLES * quantile);
  // Peer over ours: how many times less time ours takes.
  const [oursMs, peerMs] = [ours[at] ?? Number.NaN, peer[at] ?? Number.NaN];
  return { metric: `decision ${name}`, ours: oursMs, peer: peerMs, ratio: peerMs / oursMs, unit: 'ms', aim };
}

/** No two questions are alike, so nothing that remembers answers could help either side. */
function questionAt(index: number): PolicyInput {
  const isRead = index % 3 === 0;
  const push = {
    kind: 'git_push' as const,
    target: `git:repository-${index}.git`,
    branch: 'main',
    paths: [`service-${index}/config.json`, `service-${index}/limits.json`],
    files_changed: 2,
    lines_changed: index % 100,
  };
  const read = { kind: 'read' as const, target: `git:repository-${index}.git` };
  return {
    actor: {
      id: `agent:remedy-${index}`,
      kind: 'agent',
      tenant_id: 'acme',
      roles: [],
      groups: [],
      assurance: 'service',
    },
    action: {
      phase: isRead ? 'read' : 'plan',
      kind: isRead ? 'read' : 'write',
      tool: isRead ? 'git' : 'plan',
      name: isRead ? 'show' : 'execute',
      trigger: 'alert',
      break_glass: null,
      rollback: false,
      input: isRead
        ? { revision: `${index}`, path: `service-${index}/config.json` }
        : {
            calls: [
              { kind: 'read', tool: 'git', action: 'log' },
              { kind: 'write', tool: 'git', action: 'revert' },
            ],
          },
    },
    context: { tenant_id: 'acme', environment: index % 2 === 0 ? 'production' : 'staging' },
    resources: {
      effects: isRead ? [read] : [read, push],
      write_steps: isRead ? 0 : 1,
      services: [`service-${index}`],
      blast_radius: index % 10,
      reversible: true,
      previewed: true,
    },
    risk: { level: index % 5 === 0 ? 'high' : 'medium', rules: ['production_write'] },
    time: new Date(Date.UTC(2026, 10, 18) + index * 60_000).toISOString(),
    stage: index % 4,
  };
}
