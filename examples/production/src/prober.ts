// Owner: one production. Boundary: /checkout seen from outside, and the samples kept of it.
// 1. One probe at a time; the next starts PROBE_EVERY_MS after the last one started, or at once when that is over.
// 2. Broken means BROKEN_AFTER failed samples in a row; healthy, HEALTHY_AFTER good ones in a row.
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { toTimestamp, type Clock } from '@carapulse/kernel';
import type { ProbeSample, ProductionEvents } from './events.ts';

/** `unknown` only before the first few samples. */
export type ServiceState = 'unknown' | 'healthy' | 'broken';

export interface Prober {
  readonly samples: readonly ProbeSample[];
  state(): ServiceState;
  start(): void;
  stop(): Promise<void>;
}

export interface ProberOptions {
  readonly url: string;
  readonly events: ProductionEvents;
  /** Called on each change of state, with the sample that made it. */
  readonly onState: (state: ServiceState, sample: ProbeSample) => void;
  readonly clock: Clock;
}

const PROBE_EVERY_MS = 250;
const PROBE_TIMEOUT_MS = 2000;
const BROKEN_AFTER = 3;
const HEALTHY_AFTER = 3;
const SAMPLES_KEPT = 5000;

export function createProber(options: ProberOptions): Prober {
  const { url, events, onState, clock } = options;
  const lifetime = new AbortController();
  const samples: ProbeSample[] = [];
  let state: ServiceState = 'unknown';
  let sequence = 0;
  let inARow = 0;
  let lastOk: boolean | undefined;
  let loop: Promise<void> = Promise.resolve();

  const take = (sample: ProbeSample): void => {
    samples.push(sample);
    if (samples.length > SAMPLES_KEPT) samples.splice(0, samples.length - SAMPLES_KEPT);
    inARow = sample.ok === lastOk ? inARow + 1 : 1;
    lastOk = sample.ok;
    const before = state;
    if (sample.ok && inARow >= HEALTHY_AFTER) state = 'healthy';
    if (!sample.ok && inARow >= BROKEN_AFTER) state = 'broken';
    if (state !== before) onState(state, sample);
    events.emit('sample', sample);
  };

  const probeForever = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const at = toTimestamp(clock.nowMs());
      const startedAt = performance.now();
      const answer = await probe(url, signal);
      if (signal.aborted) return;
      const elapsedMs = performance.now() - startedAt;
      sequence += 1;
      take({ sequence, at, ...answer, duration_ms: Math.round(elapsedMs) });
      await delay(Math.max(0, PROBE_EVERY_MS - elapsedMs), undefined, { signal }).catch(() => undefined);
    }
  };

  return {
    samples,
    state: () => state,
    start() {
      loop = probeForever(lifetime.signal);
    },
    async stop() {
      lifetime.abort();
      await loop;
    },
  };
}

type Answer = Pick<ProbeSample, 'ok' | 'status' | 'revision'> & { error?: string };

function probe(url: string, lifetime: AbortSignal): Promise<Answer> {
  const signal = AbortSignal.any([lifetime, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve({ ok: false, status: 0, revision: null, error: error.message });
    get(url, { signal, agent: false }, (response) => {
      const status = response.statusCode ?? 0;
      const revision = response.headers['x-revision'];
      response.on('error', fail);
      response.on('end', () =>
        resolve({ ok: status === 200, status, revision: typeof revision === 'string' ? revision : null }),
      );
      response.resume();
    }).on('error', fail);
  });
}
