import { describe, expect, it } from 'vitest';
import { isOfRun, isSettled, markOf, progressOf, ROLLBACK_LABEL, UPGRADE_LABEL } from './release-mark.ts';
import type { StoredRevision } from './release-store.ts';

const KEY = 'ex_1/upgrade/forward';
const mark = markOf(KEY);

function revisions(...list: readonly [number, string, Record<string, string>?][]): StoredRevision[] {
  return list.map(([revision, status, labels = {}]) => ({
    release: 'web',
    revision,
    status,
    labels,
    managers: ['helm'],
    record: () => Promise.reject(new Error('not asked for')),
  }));
}
const progress = (list: StoredRevision[], from = 2) => progressOf(list, { label: UPGRADE_LABEL, mark, from });
const ours = { [UPGRADE_LABEL]: mark };

describe('whose a revision is', () => {
  it('is a label that Kubernetes takes, of the run and of the step', () => {
    expect(mark).toMatch(/^[0-9a-f]{24}\.[0-9a-f]{32}$/);
    expect(markOf('ex_1/other/forward').split('.')[0]).toBe(mark.split('.')[0]);
    expect(markOf('ex_2/upgrade/forward').split('.')[0]).not.toBe(mark.split('.')[0]);
  });

  it('is the step’s own by the lowest revision with its label, since later ones inherit it', () => {
    const list = revisions([2, 'superseded'], [3, 'superseded', ours], [4, 'deployed', ours]);
    expect(progress(list)).toMatchObject({ kind: 'made', revision: { revision: 3 } });
    expect(isOfRun(list, list[1] as StoredRevision, 'ex_1')).toBe(true);
    expect(isOfRun(list, list[2] as StoredRevision, 'ex_1')).toBe(false);
    expect(isOfRun(list, list[1] as StoredRevision, 'ex_2')).toBe(false);
  });

  it('is told apart from what was not made, and from what can’t be known any more', () => {
    expect(progress(revisions([2, 'deployed'])).kind).toBe('not_made');
    expect(progress(revisions([2, 'superseded'], [3, 'deployed'])).kind).toBe('not_made');
    expect(progress(revisions([8, 'superseded'], [9, 'deployed'])).kind).toBe('unknown');
    expect(progress(revisions([1, 'deployed'])).kind).toBe('unknown');
    expect(progress([]).kind).toBe('unknown');
  });

  it('is, of a rollback, the revision after the target that lends it the label', () => {
    const back = { [ROLLBACK_LABEL]: mark };
    const list = revisions([1, 'superseded', back], [2, 'superseded'], [3, 'pending-rollback', back]);
    const made = progressOf(list, { label: ROLLBACK_LABEL, mark, from: 2 });
    expect(made).toMatchObject({ kind: 'made', revision: { revision: 3 } });
    expect(isOfRun(list, list[2] as StoredRevision, 'ex_1')).toBe(true);
    expect(isOfRun(list, list[0] as StoredRevision, 'ex_1')).toBe(false);
  });

  it.each([
    ['deployed', true],
    ['superseded', true],
    ['failed', true],
    ['pending-upgrade', false],
    ['pending-rollback', false],
    ['uninstalling', false],
    ['unknown', false],
  ])('%s is settled: %s', (status, expected) => {
    const [revision] = revisions([1, status]);
    expect(isSettled(revision as StoredRevision)).toBe(expected);
  });
});
