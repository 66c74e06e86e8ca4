import { generateKeyPairSync, sign } from 'node:crypto';
import { canonicalJson } from '@carapulse/kernel';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AuditEntry, AuditRecord, AuditRow } from './audit-record.ts';
import { appendAudit, createChainKey, EMPTY_CHAIN, recordMac, toAuditRow } from './chain.ts';
import type { ChainHead, ChainKey } from './chain.ts';
import { checkpointBytes } from './checkpoint.ts';
import type { Checkpoint, CheckpointBody } from './checkpoint.ts';
import { verifyChain } from './verify-chain.ts';
import { describeChainReport } from './verify-report.ts';

const key = createChainKey('main', new Uint8Array(32).fill(7));
const attacker = createChainKey('main', new Uint8Array(32).fill(9));
const pair = generateKeyPairSync('ed25519');
const publicKey = { keyId: 'ck1', pem: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString() };

function entry(index: number): AuditEntry {
  return {
    tenant_id: 'default',
    at: new Date(1_700_000_000_000 + index).toISOString(),
    actor: {
      id: 'user:alice',
      kind: 'human',
      tenant_id: 'default',
      roles: ['operator'],
      groups: [],
      assurance: 'local',
    },
    action: 'plan.create',
    phase: 'event',
    subject: { kind: 'plan', id: `pl_${index}` },
    context: { tenant_id: 'default', environment: 'production' },
    request_id: `req_${index}`,
    details: { index, note: 'é\u0000"' },
  };
}

function chain(length: number, chainKey: ChainKey = key, from = 0): AuditRecord[] {
  const records: AuditRecord[] = [];
  let head: ChainHead = EMPTY_CHAIN;
  for (let index = 0; index < length; index += 1) {
    const made = appendAudit(head, entry(from + index), chainKey);
    head = made.head;
    records.push(made.record);
  }
  return records;
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new Error(`nothing at ${index}`);
  return item;
}

function checkpoint(
  records: readonly AuditRecord[],
  seq: number,
  change: Partial<CheckpointBody> = {},
): Checkpoint {
  const body: CheckpointBody = {
    type: 'carapulse.audit.checkpoint.v1',
    chain_id: 'main',
    chain_key_id: key.keyId,
    seq,
    mac: at(records, seq - 1).mac,
    count: seq,
    at: '2026-11-21T10:00:00.000Z',
    ...change,
  };
  const signature = sign(null, checkpointBytes(body), pair.privateKey).toString('base64');
  return { body, signed: { key_id: 'ck1', signature } };
}

/** Rows as the database would give them: the `seq` column follows the place. */
function renumber(rows: readonly AuditRow[]): AuditRow[] {
  return rows.map((row, index) => ({ ...row, seq: index + 1 }));
}

async function* stream(rows: readonly AuditRow[]): AsyncGenerator<AuditRow> {
  yield* rows;
}

async function verify(
  rows: readonly AuditRow[],
  checkpoints: readonly unknown[],
  chainKey = key,
  pub = publicKey,
) {
  const { signal } = new AbortController();
  return verifyChain({ records: stream(rows), checkpoints, key: chainKey, publicKey: pub, signal });
}

function reseal(record: AuditRecord, change: Partial<AuditRecord>, chainKey: ChainKey): AuditRecord {
  const { mac: _mac, ...unsealed } = { ...record, ...change };
  return { ...unsealed, mac: recordMac(unsealed, chainKey) };
}

/** A chain of 2 to 12 records, a place in it, and a checkpoint (0: none). */
const site = fc.integer({ min: 2, max: 12 }).chain((length) =>
  fc.record({
    length: fc.constant(length),
    place: fc.integer({ min: 0, max: length - 1 }),
    other: fc.integer({ min: 0, max: length - 1 }),
    vouched: fc.integer({ min: 0, max: length }),
  }),
);

async function faultOf(rows: readonly AuditRow[], checkpoints: readonly unknown[]) {
  const report = await verify(rows, checkpoints);
  expect(report.ok).toBe(false);
  expect(describeChainReport(report)[0]).toContain(`FAULT ${report.fault?.kind}`);
  return [report.fault?.kind, report.fault?.seq];
}

describe('an untouched chain', () => {
  test('passes, and the window after the newest checkpoint is counted', async () => {
    await fc.assert(
      fc.asyncProperty(site, async ({ length, vouched }) => {
        const records = chain(length);
        const marks = vouched === 0 ? [] : [checkpoint(records, vouched), checkpoint(records, 1)];
        const report = await verify(records.map(toAuditRow), marks);
        expect(report).toMatchObject({ ok: true, fault: null, verified: length, head: { seq: length } });
        expect(report.unprotected?.records ?? 0).toBe(length - vouched);
        expect(report.unprotected?.firstSeq ?? length + 1).toBe(vouched + 1);
      }),
    );
  });

  test('an empty chain passes', async () => {
    expect(await verify([], [])).toMatchObject({ ok: true, verified: 0, unprotected: null });
  });
});

describe('one change at any place is found and named', () => {
  test('an edited record, whatever field, MAC kept or recomputed without the key', async () => {
    const edits: readonly Partial<AuditRecord>[] = [
      { action: 'plan.cancel' },
      { details: {} },
      { at: '2020-01-01T00:00:00.000Z' },
      { prev_mac: '0'.repeat(64) },
      { key_id: 'other' },
      { mac: '0'.repeat(64) },
      { seq: 99 },
    ];
    await fc.assert(
      fc.asyncProperty(site, fc.constantFrom(...edits), fc.boolean(), async (where, edit, resealed) => {
        const { length, place, vouched } = where;
        const records = chain(length);
        const old = at(records, place);
        const forged = resealed && edit.mac === undefined ? reseal(old, edit, attacker) : { ...old, ...edit };
        const rows = renumber(records.with(place, forged).map(toAuditRow));
        const unseen = place === length - 1 && vouched < length;
        const kind = unseen ? 'forged_tail' : 'edited';
        expect(await faultOf(rows, vouched === 0 ? [] : [checkpoint(records, vouched)])).toEqual([
          kind,
          place + 1,
        ]);
      }),
    );
  });

  test('an edited column beside a genuine record', async () => {
    const columns = ['tenant_id', 'at', 'action', 'actor_id', 'subject_id', 'mac'] as const;
    await fc.assert(
      fc.asyncProperty(site, fc.constantFrom(...columns), async ({ length, place }, column) => {
        const rows = chain(length).map(toAuditRow);
        expect(await faultOf(rows.with(place, { ...at(rows, place), [column]: 'x' }), [])).toEqual([
          'edited',
          place + 1,
        ]);
      }),
    );
  });

  test('a record stored with other bytes of the same meaning', async () => {
    const rows = chain(3).map(toAuditRow);
    const spaced = { ...at(rows, 1), record: at(rows, 1).record.replace('{', '{ ') };
    const twice = { ...at(rows, 1), record: at(rows, 1).record.replace('{', '{"action":"plan.cancel",') };
    expect(await faultOf(rows.with(1, spaced), [])).toEqual(['edited', 2]);
    expect(await faultOf(rows.with(1, twice), [])).toEqual(['edited', 2]);
    expect(await faultOf(rows.with(1, { ...at(rows, 1), record: 'not json' }), [])).toEqual(['edited', 2]);
  });

  test('deleted records', async () => {
    await fc.assert(
      fc.asyncProperty(site, fc.boolean(), async ({ length, place, other, vouched }, renumbered) => {
        const records = chain(length);
        const [from, to] = [Math.min(place, other), Math.max(place, other)];
        fc.pre(to < length - 1);
        const left = records.map(toAuditRow).toSpliced(from, to - from + 1);
        const marks = vouched === 0 ? [] : [checkpoint(records, vouched)];
        expect(await faultOf(renumbered ? renumber(left) : left, marks)).toEqual(['deleted', from + 1]);
      }),
    );
  });

  test('a record inserted without the key', async () => {
    await fc.assert(
      fc.asyncProperty(site, async ({ length, place, vouched }) => {
        const records = chain(length);
        const before = place === 0 ? at(records, 0).prev_mac : at(records, place - 1).mac;
        const forged = reseal(at(records, place), { prev_mac: before, details: { forged: true } }, attacker);
        const rows = renumber(records.toSpliced(place, 0, forged).map(toAuditRow));
        expect(await faultOf(rows, vouched === 0 ? [] : [checkpoint(records, vouched)])).toEqual([
          'inserted',
          place + 1,
        ]);
      }),
    );
  });

  test('a record added at the end without the key', async () => {
    const records = chain(4);
    const last = at(records, 3);
    const forged = reseal(last, { seq: 5, prev_mac: last.mac }, attacker);
    expect(await faultOf([...records, forged].map(toAuditRow), [checkpoint(records, 4)])).toEqual([
      'forged_tail',
      5,
    ]);
  });

  test('two records swapped', async () => {
    await fc.assert(
      fc.asyncProperty(site, async ({ length, place, other, vouched }) => {
        fc.pre(place !== other);
        const [low, high] = [Math.min(place, other), Math.max(place, other)];
        const records = chain(length);
        const swapped = records.with(low, at(records, high)).with(high, at(records, low));
        const marks = vouched === 0 ? [] : [checkpoint(records, vouched)];
        expect(await faultOf(renumber(swapped.map(toAuditRow)), marks)).toEqual(['reordered', high + 1]);
      }),
    );
  });

  test('a genuine record copied to any other place', async () => {
    await fc.assert(
      fc.asyncProperty(site, async ({ length, place, other }) => {
        const records = chain(length);
        const rows = records.toSpliced(place, 0, at(records, other)).map(toAuditRow);
        expect(await faultOf(renumber(rows), [])).toEqual(['duplicated', other + 1]);
      }),
    );
  });

  test('a cut tail is found up to the newest checkpoint and never beyond it', async () => {
    await fc.assert(
      fc.asyncProperty(site, async ({ length, place, vouched }) => {
        const records = chain(length);
        const rows = records.slice(0, place).map(toAuditRow);
        const marks = vouched === 0 ? [] : [checkpoint(records, vouched)];
        if (vouched > place) expect(await faultOf(rows, marks)).toEqual(['cut_tail', place + 1]);
        else expect((await verify(rows, marks)).ok).toBe(true);
      }),
    );
  });

  test('a chain rewritten from any place without the key', async () => {
    await fc.assert(
      fc.asyncProperty(site, fc.boolean(), async ({ length, place, vouched }, keepsKeyId) => {
        fc.pre(place < length - 1 && (keepsKeyId || place > 0 || vouched > 0));
        const records = chain(length);
        const rewritten = records.slice(0, place);
        for (const record of records.slice(place)) {
          const prev_mac = rewritten.at(-1)?.mac ?? record.prev_mac;
          const key_id = keepsKeyId ? key.keyId : attacker.keyId;
          rewritten.push(reseal(record, { prev_mac, key_id, details: { rewritten: true } }, attacker));
        }
        const marks = vouched === 0 ? [] : [checkpoint(records, vouched)];
        expect(await faultOf(rewritten.map(toAuditRow), marks)).toEqual(['rehashed', place + 1]);
      }),
    );
  });

  test('a history rewritten with the key is found by the first checkpoint after it', async () => {
    await fc.assert(
      fc.asyncProperty(site, async ({ length, place, vouched }) => {
        fc.pre(vouched > place);
        const records = chain(length);
        const rewritten = records.slice(0, place);
        for (const record of records.slice(place)) {
          const prev_mac = rewritten.at(-1)?.mac ?? record.prev_mac;
          rewritten.push(reseal(record, { prev_mac, details: { rewritten: true } }, key));
        }
        expect(await faultOf(rewritten.map(toAuditRow), [checkpoint(records, vouched)])).toEqual([
          'forked',
          vouched,
        ]);
      }),
    );
  });
});

describe('keys and checkpoints', () => {
  const records = chain(5);
  const rows = records.map(toAuditRow);
  const good = checkpoint(records, 4);

  test('a forged checkpoint is named by its line', async () => {
    const lies = [
      { ...good, body: { ...good.body, seq: 3, count: 3 } },
      { ...good, body: { ...good.body, mac: '0'.repeat(64) } },
      { ...good, signed: { ...good.signed, signature: 'AAAA' } },
      checkpoint(records, 4, { count: 3 }),
      'garbage',
      null,
    ];
    for (const lie of lies) {
      const report = await verify(rows, [good, lie]);
      expect(report.fault).toMatchObject({ kind: 'forged_checkpoint', position: 2 });
    }
  });

  test('wrong keys and a wrong chain are told from tampering', async () => {
    expect((await verify(rows, [good], attacker)).fault?.kind).toBe('wrong_key');
    expect((await verify(rows, [], attacker)).fault?.kind).toBe('wrong_key');
    const stranger = generateKeyPairSync('ed25519')
      .publicKey.export({ type: 'spki', format: 'pem' })
      .toString();
    expect((await verify(rows, [good], key, { keyId: 'ck2', pem: stranger })).fault?.kind).toBe(
      'wrong_public_key',
    );
    const other = createChainKey('other', new Uint8Array(32).fill(7));
    expect((await verify(rows, [good], other)).fault?.kind).toBe('wrong_chain');
    expect((await verify(rows, [], other)).fault?.kind).toBe('forked');
  });

  test('a signature made for another kind of document is not accepted', async () => {
    const signature = sign(null, Buffer.from(canonicalJson(good.body)), pair.privateKey).toString('base64');
    const report = await verify(rows, [{ ...good, signed: { key_id: 'ck1', signature } }]);
    expect(report.fault?.kind).toBe('forged_checkpoint');
  });

  test('a short key and a key that is no key are refused', async () => {
    expect(() => createChainKey('main', new Uint8Array(31))).toThrow(/at least 32/);
    await expect(verify(rows, [], key, { keyId: 'ck1', pem: 'nonsense' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });

  test('a cancelled verification stops', async () => {
    const signal = AbortSignal.abort();
    const run = verifyChain({ records: stream(rows), checkpoints: [], key, publicKey, signal });
    await expect(run).rejects.toMatchObject({ code: 'cancelled' });
  });
});
