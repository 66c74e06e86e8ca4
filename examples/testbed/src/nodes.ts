import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@carapulse/kernel';
import { askApi, type ApiAccess, type ApiRequest } from './api-client.ts';
import { NOT_READY_ANNOTATION } from './kubelet-stages.ts';

const CAPACITY = { cpu: '8', memory: '32Gi', pods: '110' };
const ASK_EVERY_MS = 50;

interface Condition {
  readonly type: string;
  readonly status: string;
}

interface NodeList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly taints?: readonly unknown[] };
    readonly status: { readonly conditions?: readonly Condition[] };
  }[];
}

async function ask(access: ApiAccess, asked: ApiRequest, signal: AbortSignal): Promise<string> {
  const reply = await askApi(access, asked, signal);
  if (reply.status < 300) return reply.text;
  const what = `${asked.method} ${asked.path}`;
  throw new AppError('unavailable', `The API server answered ${reply.status} to ${what}: ${reply.text}`);
}

/** A node whose kubelet answers on a port of loopback. */
export async function createNode(
  access: ApiAccess,
  { name, kubeletPort }: { readonly name: string; readonly kubeletPort: number },
  signal: AbortSignal,
): Promise<void> {
  const body = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' } },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
      allocatable: CAPACITY,
      capacity: CAPACITY,
    },
  };
  await ask(access, { method: 'POST', path: '/api/v1/nodes', body }, signal);
}

/** Ready, and free of the taints that keep pods away until a controller has seen it. */
export async function nodesAreReady(access: ApiAccess, signal: AbortSignal): Promise<boolean> {
  return (await listNodes(access, signal)).every((node) => isReady(node) && isUntainted(node));
}

/** Tells the node's kubelet what to report; resolves once the node's controller has acted on it. */
export async function setNodeReady(
  access: ApiAccess,
  { node, ready }: { readonly node: string; readonly ready: boolean },
  signal: AbortSignal,
): Promise<void> {
  const annotations = { [NOT_READY_ANNOTATION]: ready ? null : 'true' };
  const body = { metadata: { annotations } };
  await ask(access, { method: 'PATCH', path: `/api/v1/nodes/${node}`, body }, signal);
  for (;;) {
    const found = (await listNodes(access, signal)).find(({ metadata }) => metadata.name === node);
    // A taint tells that the controller has seen it, and an untainted node that it has seen its return.
    if (found !== undefined && isReady(found) === ready && isUntainted(found) === ready) return;
    await delay(ASK_EVERY_MS, undefined, { signal });
  }
}

async function listNodes(access: ApiAccess, signal: AbortSignal): Promise<NodeList['items']> {
  const text = await ask(access, { method: 'GET', path: '/api/v1/nodes' }, signal);
  return (JSON.parse(text) as NodeList).items;
}

const isUntainted = ({ spec }: NodeList['items'][number]) => (spec.taints ?? []).length === 0;
const isReady = ({ status }: NodeList['items'][number]) =>
  (status.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'True');
