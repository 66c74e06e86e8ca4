import * as fc from 'fast-check';
import type { PolicyInput } from '@carapulse/policy';

/** Windows and groups that generated questions fall into, on top of the shipped data. */
export const comparedData = {
  freeze_windows: [
    {
      name: 'release week',
      reason: 'the new checkout is being launched',
      environments: ['production'],
      from: '2026-11-21T00:00:00Z',
      to: '2026-11-23T00:00:00Z',
    },
    {
      name: 'friday evening',
      reason: 'nobody watches',
      environments: ['production', 'staging'],
      days: ['Friday'],
      from: '16:00',
      to: '24:00',
    },
  ],
  groups: { staging: ['sre', 'qa'] },
};

const mostly = <T>(usual: T, ...others: readonly T[]) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(usual) },
    { weight: 2, arbitrary: fc.constantFrom(usual, ...others) },
  );
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('HEAD', 'main', '0123abcd'),
);
const path = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom('service/config.json', 'README.md', 'src/app.ts', 'a/b/c.yaml') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('service/.env', 'tls/server.pem', 'HEAD:.SSH/id', 'secrets/x', '.env.local'),
  },
  { weight: 2, arbitrary: text },
);
const target = fc.oneof(
  fc.constantFrom('git:production.git', String.raw`git:odd*na?me\x`, 'alertmanager:main'),
  text,
);
const targetUri = target.filter((each) => each !== '');
const around = (limit: number) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: limit }) },
    fc.integer({ min: limit, max: limit + 1 }),
  );

const actor: fc.Arbitrary<PolicyInput['actor']> = fc.record({
  id: fc.constantFrom('user:alice', 'agent:remedy', 'service:orchestrator'),
  kind: fc.constantFrom('human', 'agent', 'service'),
  tenant_id: mostly('acme', 'other'),
  roles: fc.oneof(
    { weight: 8, arbitrary: fc.subarray(['admin', 'operator', 'developer'] as const, { minLength: 1 }) },
    fc.subarray(['developer', 'observer'] as const),
    { weight: 1, arbitrary: fc.constant(['anonymous'] as const).map((roles) => [...roles]) },
  ),
  groups: fc.subarray(['sre', 'qa']),
  assurance: fc.constantFrom('key', 'session', 'local', 'service'),
});

// Fridays, a release week, and instants around the edges of both.
const time = fc.oneof(
  fc
    .date({
      min: new Date('2026-11-16T00:00:00Z'),
      max: new Date('2026-11-30T00:00:00Z'),
      noInvalidDate: true,
    })
    .map((date) => date.toISOString()),
  fc.constantFrom(
    '2026-11-20T23:59:59.999Z',
    '2026-11-21T00:00:00Z',
    '2026-11-22T23:59:59.999999Z',
    '2026-11-23T00:00:00.000Z',
    '2026-11-27T15:59:59Z',
    '2026-11-27T16:00:00Z',
  ),
);

const glass = fc.oneof(
  { weight: 5, arbitrary: fc.constant(null) },
  {
    weight: 2,
    arbitrary: fc.record({
      reason: fc.constantFrom('checkout is down', 'checkout is down', ' '),
      incident_id: fc.constantFrom('inc_1', 'inc_1', '\t'),
      remaining_ms: fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 1, max: 3_600_000 }) },
        fc.constantFrom(-1, 0, 3_600_000, 3_600_001),
      ),
    }),
  },
);

const call = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'write', tool: 'git', action: 'revert' }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'write', tool: 'alertmanager', action: 'silence' }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'write', tool: 'helm', action: 'upgrade' }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'write', tool: 'kubectl', action: 'drain' }) },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom('git', 'http', 'prometheus')
      .map((tool) => ({ kind: 'read', tool, action: 'look' })),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('read', 'write'),
      tool: fc.constantFrom('git', 'bash', 'prometheus'),
      action: fc.constantFrom('revert', 'push_force', 'look'),
    }),
  },
);
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

const effectOf = (kind: string): fc.Arbitrary<PolicyInput['resources']['effects'][number]> => {
  if (kind === 'git') {
    return fc.record({
      kind: fc.constant('git_push'),
      target: targetUri,
      branch: fc.constant('main'),
      paths: fc.array(path, { maxLength: 3 }),
      files_changed: around(20),
      lines_changed: around(500),
    });
  }
  if (kind === 'alertmanager') {
    return fc.record({
      kind: fc.constant('alert_silence'),
      target: targetUri,
      duration_ms: around(14_400_000),
    });
  }
  if (kind === 'kubectl') {
    return fc.record({
      kind: fc.constant('node_drain'),
      target: targetUri,
      namespaces: fc.constant('shop').map((namespace) => [namespace]),
      pods: around(20),
    });
  }
  if (kind === 'helm') {
    return fc.record({
      kind: fc.constant('release'),
      target: targetUri,
      namespaces: fc.constant('shop').map((namespace) => [namespace]),
      objects: around(40),
      secret_objects: around(1),
      images: fc.constant('registry/shop:1').map((image) => [image]),
    });
  }
  if (kind === 'deploy') {
    return fc.record({
      kind: fc.constant('deploy'),
      target: targetUri,
      namespace: fc.constant('shop'),
      images: fc.constant('registry/shop:1').map((image) => [image]),
    });
  }
  return fc.record({ kind: fc.constant('read'), target: targetUri });
};

const effectsOf = (calls: readonly Call[]) => {
  const honest = fc.tuple(...calls.map((each) => effectOf(each.kind === 'write' ? each.tool : 'read')));
  return fc.oneof(
    { weight: 15, arbitrary: honest },
    {
      weight: 1,
      arbitrary: fc.array(fc.constantFrom('git', 'alertmanager', 'deploy').chain(effectOf), { maxLength: 2 }),
    },
  );
};

const asked = fc
  .tuple(fc.boolean(), fc.array(call, { minLength: 1, maxLength: 6 }), fc.integer({ min: 0, max: 19 }))
  .chain(([asPlan, listed, dishonesty]) => {
    const calls = asPlan ? listed : listed.slice(0, 1);
    const writes = calls.filter((each) => each.kind === 'write').length;
    return fc.record({
      asPlan: fc.constant(asPlan),
      calls: fc.constant(dishonesty === 1 ? [] : calls),
      kind: fc.constant(writes > 0 === (dishonesty !== 2) ? ('write' as const) : ('read' as const)),
      effects: effectsOf(calls),
      writeSteps: fc.constant(dishonesty === 3 ? writes + 1 : writes),
      first: fc.constant(calls[0] ?? { kind: 'read', tool: 'git', action: 'look' }),
      input: fc.record({ path, note: text }),
    });
  });

/** Questions as the product asks them, with a share of unusual and dishonest ones. */
export const policyQuestion: fc.Arbitrary<PolicyInput> = fc
  .record({
    actor,
    asked,
    glass,
    time,
    phase: fc.constantFrom('plan' as const, 'dispatch' as const, 'effect' as const, 'read' as const),
    trigger: fc.constantFrom('manual' as const, 'alert' as const, 'schedule' as const),
    rollback: mostly(false, true),
    environment: fc.constantFrom('production', 'staging', 'development', 'unheard'),
    blastRadius: fc.oneof({ weight: 5, arbitrary: around(10) }, fc.constantFrom(null, 20, 21)),
    reversible: mostly(true, false),
    previewed: mostly(true, false),
    level: fc.constantFrom(
      'low' as const,
      'low' as const,
      'medium' as const,
      'high' as const,
      'critical' as const,
    ),
    stage: fc.constantFrom(0, 1, 1, 2, 2, 3, 3),
    planAction: fc.constantFrom('execute', 'execute', 'execute', 'skip'),
  })
  .map(({ actor, asked, glass, time, ...rest }) => ({
    actor,
    action: {
      phase: rest.phase,
      kind: asked.kind,
      tool: asked.asPlan ? 'plan' : asked.first.tool,
      name: asked.asPlan ? rest.planAction : asked.first.action,
      trigger: rest.trigger,
      break_glass:
        glass === null
          ? null
          : {
              reason: glass.reason,
              incident_id: glass.incident_id,
              expires_at: new Date(Date.parse(time) + glass.remaining_ms).toISOString(),
            },
      rollback: rest.rollback,
      input: asked.asPlan ? { calls: asked.calls } : asked.input,
    },
    context: { tenant_id: 'acme', environment: rest.environment },
    resources: {
      effects: asked.effects,
      write_steps: asked.writeSteps,
      services: ['shop'],
      blast_radius: rest.blastRadius,
      reversible: rest.reversible,
      previewed: rest.previewed,
    },
    risk: { level: rest.level, rules: [] },
    time,
    stage: rest.stage,
  }));
