import type { JsonObject } from '@carapulse/kernel';
import { commitAudited } from '../operation.ts';
import type { StoredAudit } from '../ports/index.ts';
import { serviceContext } from '../service-actor.ts';
import type { HaltControl, Services } from '../services.ts';

type Entry = ReturnType<HaltControl['list']>[number];

/** Longer than an operation takes from turning the switch to its own record. */
const OWN_RECORD_MS = 2000;
const RECENT = 50;

/**
 * Records what turned the switch past the operations: `carapulse halt` and `resume`, a halt whose record found no
 * database. A halt is known by its instant, so that each gets one record. @returns how many records were made.
 */
export function createHaltRecorder(services: Services): (signal: AbortSignal) => Promise<number> {
  let compared = '';
  return async (signal) => {
    const entries = services.halt.list();
    const state = JSON.stringify(entries);
    if (state === compared) return 0;
    const nowMs = services.clock.nowMs();
    const settled = entries.filter(({ at }) => Math.abs(nowMs - Date.parse(at)) >= OWN_RECORD_MS);
    let made = 0;
    for (const entry of settled) made += await recordSet(services, entry, signal);
    for (const scope of await forgottenScopes(services, entries))
      made += await recordClear(services, scope, signal);
    if (settled.length === entries.length) compared = state;
    return made;
  };
}

async function recordSet(services: Services, { scope, reason, by, at }: Entry, signal: AbortSignal) {
  const known = await newest(services, 'halt.set', scope);
  if (known !== null && (JSON.parse(known.record) as { details: JsonObject }).details['at'] === at) return 0;
  return record(services, 'halt.set', scope, { reason, by, at }, signal);
}

/** Scopes that the trail says are halted and the switch does not. */
async function forgottenScopes(services: Services, entries: readonly Entry[]): Promise<ReadonlySet<string>> {
  const { items } = await services.store.read.auditSearch(
    services.settings.tenantId,
    { action: 'halt.set' },
    { limit: RECENT, after: null },
  );
  const halted = new Set(entries.map(({ scope }) => scope));
  return new Set(items.map(({ subject_id }) => subject_id).filter((scope) => !halted.has(scope)));
}

async function recordClear(services: Services, scope: string, signal: AbortSignal): Promise<number> {
  const set = await newest(services, 'halt.set', scope);
  const cleared = await newest(services, 'halt.clear', scope);
  if (set === null || (cleared !== null && cleared.seq > set.seq)) return 0;
  return record(services, 'halt.clear', scope, { reason: 'cleared past the gateway' }, signal);
}

async function newest(services: Services, action: string, scope: string): Promise<StoredAudit | null> {
  const page = await services.store.read.auditSearch(
    services.settings.tenantId,
    { action, subject_id: scope },
    { limit: 1, after: null },
  );
  return page.items[0] ?? null;
}

async function record(
  services: Services,
  action: 'halt.set' | 'halt.clear',
  scope: string,
  details: JsonObject,
  signal: AbortSignal,
): Promise<1> {
  await commitAudited(serviceContext(services, 'scheduler', signal), async () => ({
    result: null,
    audit: {
      action,
      phase: 'event',
      subject: { kind: 'halt', id: scope },
      outcome: { result: 'ok' },
      details,
    },
    events: [],
  }));
  return 1;
}
