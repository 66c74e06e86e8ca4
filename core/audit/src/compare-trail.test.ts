import { generateKeyPairSync, sign } from 'node:crypto';
import { expect, test } from 'vitest';
import type { AuditRecord } from './audit-record.ts';
import { appendAudit, createChainKey, EMPTY_CHAIN, toAuditRow } from './chain.ts';
import type { ChainHead, ChainKey } from './chain.ts';
import { checkpointBytes } from './checkpoint.ts';
import type { Checkpoint, CheckpointBody } from './checkpoint.ts';
import { compareTrail } from './compare-trail.ts';

const key = createChainKey('main', new Uint8Array(32).fill(7));
const other = createChainKey('main', new Uint8Array(32).fill(9));
const pair = generateKeyPairSync('ed25519');
const publicKey = { keyId: 'ck1', pem: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString() };

function chain(details: readonly number[], chainKey: ChainKey = key): readonly AuditRecord[] {
  const records: AuditRecord[] = [];
  let head: ChainHead = EMPTY_CHAIN;
  for (const detail of details) {
    const made = appendAudit(
      head,
      {
        tenant_id: 'default',
        at: '2026-01-01T00:00:00.000Z',
        actor: {
          id: 'user:a',
          kind: 'human',
          tenant_id: 'default',
          roles: [],
          groups: [],
          assurance: 'local',
        },
        action: 'plan.create',
        phase: 'event',
        subject: { kind: 'plan', id: 'pl_1' },
        context: { tenant_id: 'default', environment: 'production' },
        request_id: 'req_1',
        details: { detail },
      },
      chainKey,
    );
    head = made.head;
    records.push(made.record);
  }
  return records;
}

function vouch(records: readonly AuditRecord[], change: Partial<CheckpointBody> = {}): Checkpoint {
  const last = records.at(-1);
  const body: CheckpointBody = {
    type: 'carapulse.audit.checkpoint.v1',
    chain_id: 'main',
    chain_key_id: key.keyId,
    seq: records.length,
    mac: last?.mac ?? '',
    count: records.length,
    at: '2026-01-01T00:00:01.000Z',
    ...change,
  };
  const signature = sign(null, checkpointBytes(body), pair.privateKey).toString('base64');
  return { body, signed: { key_id: 'ck1', signature } };
}

const compare = (records: readonly AuditRecord[], checkpoints: readonly unknown[]) =>
  compareTrail({
    head: { seq: records.length, mac: records.at(-1)?.mac ?? null },
    rowAt: async (seq) => {
      const record = records[seq - 1];
      return record === undefined ? null : toAuditRow(record);
    },
    checkpoints,
    key,
    publicKey,
  });

const told = chain([1, 2, 3]);

test.each([
  ['nothing yet', [], []],
  ['records without a checkpoint', told, []],
  ['the newest checkpoint at its end', told, [vouch(told.slice(0, 1)), vouch(told)]],
  [
    'records after the newest checkpoint, wherever that stands',
    told,
    [vouch(told.slice(0, 2)), vouch(told.slice(0, 1))],
  ],
])('%s continues', async (_what, records, checkpoints) => {
  expect(await compare(records, checkpoints)).toEqual({ kind: 'continues' });
});

test.each([
  ['an older copy', told.slice(0, 2), [vouch(told)], 'ends at record 2'],
  ['an empty database', [], [vouch(told)], 'ends at record 0'],
  ['an older copy that went on by itself', chain([1, 2, 4, 5]), [vouch(told)], 'another record 3'],
  [
    'a checkpoint with a wrong signature',
    told,
    [{ ...vouch(told), body: { ...vouch(told).body, at: '2026-01-02T00:00:00.000Z' } }],
    'not signed',
  ],
  ['a checkpoint of another chain', told, [vouch(told, { chain_id: 'else' })], 'another chain'],
  ['something that is no checkpoint', told, [vouch(told), 'x'], 'no checkpoint'],
])('%s has departed', async (_what, records, checkpoints, why) => {
  expect(await compare(records, checkpoints)).toMatchObject({
    kind: 'departed',
    why: expect.stringContaining(why),
  });
});

test('records under another key are of another installation, checkpoint or not', async () => {
  const theirs = chain([1], other);
  const answer = { kind: 'other_key', keyId: other.keyId };
  expect(await compare(theirs, [])).toEqual(answer);
  expect(await compare(theirs, [vouch(told)])).toEqual(answer);
});
