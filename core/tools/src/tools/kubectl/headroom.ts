import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import type { KubernetesApi } from '../../kubernetes/kubernetes-api.ts';
import { refusedWith } from '../../kubernetes/kubernetes-api.ts';
import { Node, Quota } from './object-view.ts';
import type { PodSpec } from './object-shapes.ts';
import { Pod } from './object-shapes.ts';
import { milliOf, quantityOf } from './quantity.ts';
import { readAll } from './read-objects.ts';

type Amounts = Readonly<Record<string, bigint>>;

/** What one pod asks for: the larger of its containers together and any one that runs before them. */
export function requestsOf(spec: PodSpec): Amounts {
  const sidecars = spec.initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always');
  const total = [...spec.containers, ...sidecars].map(requested).reduce(add, {});
  let started: Amounts = {};
  let most: Amounts = total;
  for (const container of spec.initContainers) {
    const own = requested(container);
    most = larger(most, add(started, own));
    if (container.restartPolicy === 'Always') started = add(started, own);
  }
  return add(most, milliOfAll(spec.overhead));
}

export const QuotaHeadroom = z.strictObject({
  name: z.string(),
  resource: z.string(),
  hard: z.string(),
  used: z.string(),
  /** What the added pods take of it. */
  needed: z.string(),
  fits: z.boolean(),
});
export type QuotaHeadroom = z.infer<typeof QuotaHeadroom>;

/** How much of each quota of the namespace the added pods take. Scoped quotas are counted as if they applied. */
export async function quotaHeadroom(
  api: KubernetesApi,
  namespace: string,
  template: PodSpec,
  added: number,
): Promise<QuotaHeadroom[]> {
  const quotas = await readAll(api, { kind: 'resourcequota', namespace }, Quota);
  const needs = quotaNeeds(template, BigInt(Math.max(0, added)));
  return quotas.flatMap(({ metadata, status }) =>
    Object.entries(status.hard).flatMap(([resource, hard]): QuotaHeadroom[] => {
      const needed = needs[resource];
      if (needed === undefined) return [];
      const used = status.used[resource] ?? '0';
      const fits = needed === 0n || milliOf(used) + needed <= milliOf(hard);
      return [{ name: metadata.name, resource, hard, used, needed: quantityOf(needed), fits }];
    }),
  );
}

/** By the names that quotas have for them: `cpu` and `requests.cpu` are the same. */
function quotaNeeds(template: PodSpec, added: bigint): Amounts {
  const requests = requestsOf(template);
  const limits = template.containers.map(({ resources }) => milliOfAll(resources.limits)).reduce(add, {});
  const needs: Record<string, bigint> = { pods: added * 1000n, 'count/pods': added * 1000n };
  for (const name of ['cpu', 'memory', 'ephemeral-storage']) {
    needs[name] = (requests[name] ?? 0n) * added;
    needs[`requests.${name}`] = needs[name];
    needs[`limits.${name}`] = (limits[name] ?? 0n) * added;
  }
  return needs;
}

export const NodeHeadroom = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('known'),
    /** Ready nodes that take pods with these tolerations and node selector. */
    nodes: z.int(),
    /** How many more of these pods have room by their requests. */
    room_for: z.int(),
    fits: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('unknown'), why: z.string() }),
]);
export type NodeHeadroom = z.infer<typeof NodeHeadroom>;

const ENOUGH = 10_000;

/** Room on the nodes by requests. Affinity, spreading and volumes are left out, so it is an upper bound. */
export async function nodeHeadroom(
  api: KubernetesApi,
  template: PodSpec,
  added: number,
): Promise<NodeHeadroom> {
  try {
    const nodes = await readAll(api, { kind: 'node', namespace: null }, Node);
    const fields = 'status.phase!=Succeeded,status.phase!=Failed';
    const pods = await readAll(api, { kind: 'pod', namespace: null, fields }, Pod);
    const taking = nodes.filter((node) => takes(node, template));
    const request = requestsOf(template);
    const room = taking.map((node) => roomOn(node, pods, request)).reduce((sum, each) => sum + each, 0);
    return { kind: 'known', nodes: taking.length, room_for: Math.min(room, ENOUGH), fits: room >= added };
  } catch (error) {
    if (error instanceof AppError && error.details['reason'] === 'too_many_objects') {
      return { kind: 'unknown', why: error.message };
    }
    if (refusedWith(error) !== 403) throw error;
    return { kind: 'unknown', why: 'the token may not list nodes and the pods of all namespaces' };
  }
}

function roomOn({ metadata, status }: Node, pods: readonly Pod[], request: Amounts): number {
  const here = pods.filter(({ spec }) => spec.nodeName === metadata.name);
  const used = here.map(({ spec }) => requestsOf(spec)).reduce(add, {});
  const free = (resource: string): bigint =>
    milliOf(status.allocatable[resource] ?? '0') - (used[resource] ?? 0n);
  const bounds = Object.entries(request)
    .filter(([, amount]) => amount > 0n)
    .map(([resource, amount]) => Number(free(resource) / amount));
  const slots = Number(milliOf(status.allocatable['pods'] ?? '110') / 1000n) - here.length;
  return Math.max(0, Math.min(slots, ...bounds));
}

const Toleration = z.object({
  key: z.string().default(''),
  operator: z.string().default('Equal'),
  value: z.string().default(''),
  effect: z.string().default(''),
});

function takes({ metadata, spec, status }: Node, template: PodSpec): boolean {
  const ready = status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True');
  if (!ready || spec.unschedulable) return false;
  if (Object.entries(template.nodeSelector).some(([name, value]) => metadata.labels[name] !== value))
    return false;
  const tolerations = template.tolerations.map((each) => Toleration.parse(each));
  return spec.taints
    .filter(({ effect }) => effect !== 'PreferNoSchedule')
    .every((taint) =>
      tolerations.some(
        ({ key, operator, value, effect }) =>
          (effect === '' || effect === taint.effect) &&
          (key === '' ? operator === 'Exists' : key === taint.key) &&
          (operator === 'Exists' || value === taint.value),
      ),
    );
}

function requested({ resources }: PodSpec['containers'][number]): Amounts {
  // A limit without a request is the request.
  return milliOfAll({ ...resources.limits, ...resources.requests });
}

function milliOfAll(texts: Readonly<Record<string, string>>): Amounts {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, milliOf(text)]));
}

function add(a: Amounts, b: Amounts): Amounts {
  return merge(a, b, (x, y) => x + y);
}

function larger(a: Amounts, b: Amounts): Amounts {
  return merge(a, b, (x, y) => (x > y ? x : y));
}

function merge(a: Amounts, b: Amounts, of: (x: bigint, y: bigint) => bigint): Amounts {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...names].map((name) => [name, of(a[name] ?? 0n, b[name] ?? 0n)]));
}
