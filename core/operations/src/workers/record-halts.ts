import { AppError, type JsonObject } from '@carapulse/kernel';
import { commitAudited } from '../operation.ts';
import type { StoredAudit, StoreReads } from '../ports/index.ts';
import { serviceContext } from '../service-actor.ts';
import type { HaltControl, Services } from '../services.ts';

type Entry = ReturnType<HaltControl['list']>[number];

/** Longer than an operation takes from turning the switch to its own record. */
const OWN_RECORD_MS = 2000;
const RECENT = 50;

/**
 * Records what turned the switch past the operations: `carapulse halt` and `resume`, a halt whose record found no
 * database. A halt is known by its instant, so that each gets one record, whichever of several processes makes it.
 * @returns how many records were made.
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
  const known = await newest(services, 'halt.set', scope, services.store.read);
  const isKnown = (row: StoredAudit | null): boolean =>
    row !== null && (JSON.parse(row.record) as { details: JsonObject }).details['at'] === at;
  if (isKnown(known)) return 0;
  return record(services, 'halt.set', scope, { reason, by, at }, signal, async (tx) =>
    isKnown(await newest(services, 'halt.set', scope, tx)),
  );
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
  const isKnown = async (read: StoreReads): Promise<boolean> => {
    const set = await newest(services, 'halt.set', scope, read);
    const cleared = await newest(services, 'halt.clear', scope, read);
    return set === null || (cleared !== null && cleared.seq > set.seq);
  };
  if (await isKnown(services.store.read)) return 0;
  return record(services, 'halt.clear', scope, { reason: 'cleared past the gateway' }, signal, isKnown);
}

async function newest(
  services: Services,
  action: string,
  scope: string,
  read: StoreReads,
): Promise<StoredAudit | null> {
  const page = await read.auditSearch(
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
  isKnown: (tx: StoreReads) => Promise<boolean>,
): Promise<0 | 1> {
  const meanwhile = new AppError('conflict', `Another process has recorded the ${action} of ${scope}.`);
  try {
    await commitAudited(serviceContext(services, 'scheduler', signal), async (tx) => {
      await tx.alone('halt records');
      if (await isKnown(tx)) throw meanwhile;
      return {
        result: null,
        audit: {
          action,
          phase: 'event',
          subject: { kind: 'halt', id: scope },
          outcome: { result: 'ok' },
          details,
        },
        events: [],
      };
    });
    return 1;
  } catch (error) {
    if (error === meanwhile) return 0;
    throw error;
  }
}
