import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AppError } from '@carapulse/kernel';
import { invoke, type WriteOperation } from './operation.ts';
import { createHarness } from './testing/index.ts';

const Input = z.strictObject({ word: z.string() });

function verb(
  run: WriteOperation<z.infer<typeof Input>, string>['run'],
): WriteOperation<z.infer<typeof Input>, string> {
  return {
    kind: 'write',
    name: 'say-word',
    permission: 'plan.create',
    auditAction: 'word.say',
    input: Input,
    run,
  };
}

const PLAYBOOK = {
  name: 'p',
  tenant_id: 'acme',
  digest: 'd',
  source: 's',
  document: {},
  enabled: true,
  updated_at: '2026-01-10T12:00:00.000Z',
};
const note = {
  action: 'word.say',
  phase: 'event',
  subject: { kind: 'word', id: 'w' },
  outcome: { result: 'ok' },
  details: {},
} as const;

describe('invoke', () => {
  it('authorises before it parses, and audits the refusal', async () => {
    const harness = createHarness();
    const nobody = harness.as({ id: 'user:nobody', roles: [] });
    await expect(
      invoke(
        verb(async () => 'said'),
        nobody,
        { wrong: 1 },
      ),
    ).rejects.toMatchObject({ code: 'forbidden' });
    expect(await harness.audit()).toMatchObject([
      {
        action: 'operation.refuse',
        actor: { id: 'user:nobody' },
        outcome: { result: 'denied', code: 'forbidden' },
      },
    ]);
  });

  it('parses before it acts', async () => {
    const harness = createHarness();
    let ran = false;
    const operation = verb(async () => {
      ran = true;
      return 'said';
    });
    await expect(invoke(operation, harness.as({ id: 'user:a' }), { wrong: 1 })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    expect(ran).toBe(false);
    expect(await harness.audit()).toEqual([]);
  });

  it('fails a write that ended without an audited commit', async () => {
    const harness = createHarness();
    await expect(
      invoke(
        verb(async () => 'said'),
        harness.as({ id: 'user:a' }),
        { word: 'x' },
      ),
    ).rejects.toMatchObject({
      code: 'internal',
    });
  });

  it('leaves neither rows, events nor audit when the work fails', async () => {
    const harness = createHarness();
    const operation = verb((_context, _input, commit) =>
      commit(async (tx) => {
        await tx.upsertPlaybook(PLAYBOOK);
        throw new AppError('conflict', 'no');
      }),
    );
    await expect(invoke(operation, harness.as({ id: 'user:a' }), { word: 'x' })).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(await harness.store.read.playbooks('acme')).toEqual([]);
    expect(await harness.audit()).toEqual([]);
  });

  it('commits rows, events and the audit record together', async () => {
    const harness = createHarness();
    const operation = verb((_context, { word }, commit) =>
      commit(async () => ({
        result: word,
        audit: note,
        events: [{ type: 'plan.updated', subject_id: 'w', data: {} }],
      })),
    );
    expect(await invoke(operation, harness.as({ id: 'user:a' }), { word: 'hello' })).toBe('hello');
    expect(harness.store.commits).toBe(1);
    expect(await harness.store.read.events('acme', 0, 10)).toHaveLength(1);
    expect(await harness.audit()).toMatchObject([{ action: 'word.say', seq: 1, request_id: 'req_test' }]);
  });

  it('audits what a verb itself refuses to this caller', async () => {
    const harness = createHarness();
    const operation = verb(async () => {
      throw new AppError('approval_invalid', 'The requester cannot approve.', {
        details: { reason: 'requester' },
      });
    });
    await expect(invoke(operation, harness.as({ id: 'user:a' }), { word: 'x' })).rejects.toMatchObject({
      code: 'approval_invalid',
    });
    expect(await harness.audit()).toMatchObject([
      { action: 'operation.refuse', outcome: { result: 'denied', code: 'approval_invalid' } },
    ]);
  });
});
