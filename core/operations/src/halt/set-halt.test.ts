import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { clearHalt, getHalt, setHalt } from './set-halt.ts';

function setUp() {
  const harness = createHarness();
  const bob = harness.as({ id: 'user:bob' });
  const reason = 'it makes things worse';
  const set = (input: object = {}) => invoke(setHalt, bob, { reason, ...input });
  const clear = (input: object = {}) => invoke(clearHalt, bob, { reason, ...input });
  const get = (input: object = {}) => invoke(getHalt, bob, input);
  const trail = (action: string, scope: string, details: object = {}) => ({
    action,
    actor: { id: 'user:bob' },
    subject: { kind: 'halt', id: scope },
    outcome: { result: 'ok' },
    details: { reason, ...details },
  });
  const breakDisk = (): void => {
    harness.store.beforeCommit = () => {
      throw new Error('the disk is full');
    };
  };
  const scopes = () => harness.services.halt.list().map(({ scope }) => scope);
  return { harness, set, clear, get, trail, breakDisk, scopes };
}

const BAD_INPUT = [{ reason: '' }, { scope: 'a b' }, { scope: '' }, { scope: '**' }, { until: 'noon' }];

describe('set-halt', () => {
  it.each([
    ['everything', {}, '*'],
    ['one environment', { scope: 'staging' }, 'staging'],
  ])('halts %s, audited', async (_, input, scope) => {
    const { harness, set, trail } = setUp();
    const at = new Date(harness.nowMs).toISOString();
    expect(await set(input)).toEqual([{ scope, reason: 'it makes things worse', by: 'user:bob', at }]);
    expect(await harness.audit()).toMatchObject([trail('halt.set', scope)]);
  });

  it('halts although it cannot be recorded, and says that it was not', async () => {
    const { harness, set, breakDisk, scopes } = setUp();
    breakDisk();
    await expect(set()).rejects.toThrow('the disk is full');
    expect(scopes()).toEqual(['*']);
    expect(await harness.audit()).toEqual([]);
  });

  it('set again it is halted once, by the last reason, and both are in the trail', async () => {
    const { harness, set } = setUp();
    await set();
    expect(await set({ reason: 'still' })).toMatchObject([{ scope: '*', reason: 'still' }]);
    expect(await harness.audit()).toHaveLength(2);
  });

  it.each(BAD_INPUT)('refuses %o and halts nothing', async (input) => {
    const { harness, set } = setUp();
    expect(await harness.refusal(() => set(input))).toMatchObject({ code: 'invalid_input', audited: [] });
  });
});

describe('clear-halt', () => {
  it('lets writes of one scope run again and leaves the others halted, audited', async () => {
    const { harness, set, clear, trail } = setUp();
    await set();
    await set({ scope: 'staging' });
    expect(await clear()).toMatchObject([{ scope: 'staging' }]);
    expect((await harness.audit()).at(-1)).toMatchObject(trail('halt.clear', '*', { was_halted: true }));
  });

  it('clears what is not halted, and says in the trail that it was not', async () => {
    const { harness, set, clear, trail } = setUp();
    await set();
    expect(await clear({ scope: 'staging' })).toMatchObject([{ scope: '*' }]);
    expect((await harness.audit()).at(-1)).toMatchObject(
      trail('halt.clear', 'staging', { was_halted: false }),
    );
  });

  it('stays halted when it cannot be recorded', async () => {
    const { harness, set, clear, breakDisk, scopes } = setUp();
    await set();
    breakDisk();
    expect(await harness.refusal(() => clear())).toMatchObject({ code: 'internal', audited: [] });
    expect(scopes()).toEqual(['*']);
  });

  it.each(BAD_INPUT)('refuses %o', async (input) => {
    const { harness, set, clear } = setUp();
    await set();
    expect(await harness.refusal(() => clear(input))).toMatchObject({ code: 'invalid_input', audited: [] });
  });
});

describe('get-halt', () => {
  it('shows what is halted now, and leaves no trace', async () => {
    const { harness, set, clear, get } = setUp();
    expect(await get()).toEqual([]);
    await set({ scope: 'staging' });
    expect(await get()).toMatchObject([{ scope: 'staging', by: 'user:bob' }]);
    await clear({ scope: 'staging' });
    expect(await get()).toEqual([]);
    expect(await harness.audit()).toHaveLength(2);
  });

  it('takes no input', async () => {
    const { harness, get } = setUp();
    expect(await harness.refusal(() => get({ scope: '*' }))).toMatchObject({ code: 'invalid_input' });
  });
});
