import type { Effect } from '@carapulse/policy';
import { describe, expect, it } from 'vitest';
import type { BlastRadius } from './plan.ts';
import { fixtureRead, fixtureWrite } from './plan-fixture.ts';
import { assessRisk } from './risk.ts';
import type { Step } from './step.ts';

const known = {
  kind: 'known' as const,
  resources: ['service:checkout'],
  dependents: [],
} satisfies BlastRadius;
const push = (change: Partial<Extract<Effect, { kind: 'git_push' }>>): Effect => ({
  kind: 'git_push',
  target: 'git:shop#main',
  branch: 'main',
  paths: ['a.txt'],
  files_changed: 1,
  lines_changed: 1,
  ...change,
});
const assess = (steps: readonly Step[], environment = 'staging', blastRadius: BlastRadius = known) =>
  assessRisk({ steps, blastRadius, environment });
const write = (change: Partial<Step> = {}): Step => ({ ...fixtureWrite('w'), ...change });

describe('assessRisk', () => {
  it.each([
    ['reads alone', [fixtureRead('r')], 'low', 'read_only'],
    ['one write with an undo', [write()], 'low', 'reversible_write'],
    ['two writes', [write(), { ...write(), step_id: 'v' }], 'medium', 'multiple_writes'],
    [
      'a write that cannot be undone',
      [write({ rollback: { kind: 'impossible', reason: 'mail is sent' } })],
      'critical',
      'irreversible_write',
    ],
    [
      'a write nobody can see before',
      [write({ preview: { kind: 'none', reason: 'no' } })],
      'high',
      'no_preview',
    ],
    ['a write that cannot be read back', [write({ repeat: 'unsafe' })], 'high', 'unsafe_repeat'],
    ['a write that declares nothing', [write({ effects: [] })], 'high', 'unknown_effect'],
    ['many files', [write({ effects: [push({ files_changed: 11 })] })], 'high', 'many_files'],
    [
      'a secret',
      [write({ effects: [push({ paths: ['deploy/.env.production'] })] })],
      'critical',
      'secrets_path',
    ],
    ['a private key', [write({ effects: [push({ paths: ['certs/tls.key'] })] })], 'critical', 'secrets_path'],
    [
      'access rules',
      [write({ effects: [push({ paths: ['.github/workflows/ci.yml'] })] })],
      'high',
      'access_path',
    ],
  ] as ReadonlyArray<[string, Step[], string, string]>)('judges %s', (_, steps, level, rule) => {
    const risk = assess(steps);
    expect(risk.level).toBe(level);
    expect(risk.rules[0]?.rule).toBe(rule);
  });

  it('raises for production, for what is not known to depend on the target, and for many dependents', () => {
    expect(assess([write()], 'production').rules[0]?.rule).toBe('production_environment');
    expect(assess([write()], 'prod-eu').level).toBe('medium');
    expect(assess([write()], 'preproduction').level).toBe('low');
    const unknown = assess([write()], 'staging', { kind: 'unknown', reason: 'nobody knows', resources: [] });
    expect(unknown.rules[0]).toEqual({
      rule: 'unknown_blast_radius',
      level: 'medium',
      reason: 'what depends on the target is not known: nobody knows',
    });
    expect(assess([write()], 'staging', { ...known, dependents: ['a', 'b', 'c', 'd', 'e', 'f'] }).level).toBe(
      'high',
    );
  });

  it('lists every rule that applies, strongest first, and takes the level of the first', () => {
    const risk = assess(
      [write({ preview: { kind: 'none', reason: 'no' }, rollback: { kind: 'impossible', reason: 'gone' } })],
      'production',
    );
    expect(risk.rules.map((rule) => rule.rule)).toEqual([
      'irreversible_write',
      'no_preview',
      'production_environment',
      'reversible_write',
    ]);
    expect(risk.level).toBe('critical');
  });
});
