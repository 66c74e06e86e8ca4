import type { ServerResponse } from 'node:http';
import { AppError } from '@carapulse/kernel';
import { LINES_KEPT, type LineRing } from './line-ring.ts';
import { sendJson } from './platform-server.ts';
import type { Prober } from './prober.ts';
import type { Reconciler } from './reconciler.ts';
import type { Repository } from './repository.ts';
import type { Workloads } from './workloads.ts';

/** What the platform's read-only routes show. */
export interface PlatformView {
  readonly reconciler: Reconciler;
  readonly prober: Prober;
  readonly log: LineRing;
  readonly repository: Repository;
  readonly workloads: Workloads;
  readonly signal: AbortSignal;
}

const DEFAULT_TAIL = 100;
const DEFAULT_SAMPLES = 100;
const MOST_SAMPLES = 1000;

/** @throws AppError `not_found`, `invalid_input`. */
export async function answerPlatformRequest(
  view: PlatformView,
  url: URL,
  response: ServerResponse,
): Promise<void> {
  switch (url.pathname) {
    case '/healthz':
      return sendJson(response, 200, { status: 'ok' });
    case '/applications/checkout':
      return sendJson(response, 200, renderApplication(view));
    case '/applications/checkout/history':
      return sendJson(response, 200, { items: view.reconciler.history });
    case '/applications/checkout/logs': {
      const lines = view.log.tail(count(url, 'tail', DEFAULT_TAIL, LINES_KEPT));
      response.setHeader('content-type', 'application/x-ndjson');
      response.end(lines.map((line) => `${line}\n`).join(''));
      return;
    }
    case '/probes/checkout': {
      const since = url.searchParams.get('since') ?? '';
      if (since !== '' && Number.isNaN(Date.parse(since))) {
        throw new AppError('invalid_input', 'since must be a time such as 2026-01-31T10:00:00.000Z');
      }
      const newer = view.prober.samples.filter(
        ({ at }) => since === '' || Date.parse(at) > Date.parse(since),
      );
      const limit = count(url, 'limit', DEFAULT_SAMPLES, MOST_SAMPLES);
      return sendJson(response, 200, { state: view.prober.state(), items: newer.slice(-limit) });
    }
    case '/repositories/checkout/pushes':
      return sendJson(response, 200, { items: await view.repository.pushes(view.signal) });
    default:
      throw new AppError('not_found', `There is nothing at ${url.pathname}`);
  }
}

/** The part of an Argo CD Application that tells what runs. Its health is the process's, not the customers'. */
function renderApplication({ reconciler, repository, workloads }: PlatformView): unknown {
  const { desired, running } = reconciler.state();
  const last = reconciler.history.at(-1);
  return {
    metadata: { name: 'checkout', namespace: 'production' },
    spec: { source: { repoURL: repository.path, path: 'services/checkout', targetRevision: 'main' } },
    status: {
      sync: { status: desired === running ? 'Synced' : 'OutOfSync', revision: running },
      health: { status: workloads.pids().checkout === 0 ? 'Degraded' : 'Healthy' },
      operationState: {
        phase: last?.status === 'failed' ? 'Failed' : 'Succeeded',
        message: last?.message ?? '',
        finishedAt: last?.deployed_at ?? null,
      },
    },
  };
}

function count(url: URL, name: string, otherwise: number, most: number): number {
  const text = url.searchParams.get(name);
  if (text === null) return otherwise;
  const value = Number(text);
  if (!/^\d{1,6}$/.test(text) || value < 1) {
    throw new AppError('invalid_input', `${name} must be a whole number from 1 to ${most}`);
  }
  return Math.min(value, most);
}
