import { ServiceProfile } from '@carapulse/diagnosis';
import type { Alert, Finding, Incident } from '@carapulse/incident';
import { canonicalHash, parseInput, type JsonObject } from '@carapulse/kernel';
import { z } from 'zod';
import { parsePlaybook, type LoadedPlaybook } from './parse-playbook.ts';
import type { DescribedCall, NamedCall } from '@carapulse/tools';
import type { ToolCatalogue } from './ports.ts';

/** For tests: an incident, a playbook that fits it, and the tools that it names. */
export const COMMIT = 'b'.repeat(40);
export const TIP = 'c'.repeat(40);
export const REVERT = 'e'.repeat(40);
export const NOW = '2026-11-21T10:02:00.000Z';

export const INCIDENT: Incident = {
  incident_id: 'inc_01jd7q8z9abcdefghjkmnpqrst',
  tenant_id: 'default',
  status: 'identified',
  title: 'CheckoutErrors on checkout',
  severity: 'critical',
  service: 'checkout',
  context: { tenant_id: 'default', environment: 'production' },
  group_key: 'checkout',
  opened_at: '2026-11-21T10:01:00.000Z',
  updated_at: '2026-11-21T10:01:00.000Z',
  resolved_at: null,
  revision: 1,
};

export const ALERT: Alert = {
  alert_id: 'al_01jd7q8z9abcdefghjkmnpqrst',
  tenant_id: 'default',
  fingerprint: '1a2b3c4d5e6f7a8b',
  status: 'firing',
  labels: { alertname: 'CheckoutErrors', service: 'checkout', severity: 'critical' },
  annotations: {},
  starts_at: '2026-11-21T10:01:00.000Z',
  ends_at: null,
  generator_url: '',
  received_at: '2026-11-21T10:01:01.000Z',
  deliveries: 1,
  incident_id: INCIDENT.incident_id,
};

export const PROFILE = ServiceProfile.parse({
  repository: 'shop',
  endpoints: { probe: 'http://127.0.0.1:9000/checkout' },
  dependents: ['storefront'],
});

export const FINDING: Finding = {
  analyzer: 'first-bad-revision',
  cause: 'bad_change',
  statement: 'The commit broke it.',
  object: { kind: 'git_commit', id: COMMIT },
  confidence: 'certain',
  evidence_ids: ['ev_1'],
  values: { commit: COMMIT, suspects: 1 },
};

/** A playbook as its file would be read; each test changes what it is about. */
export const DOCUMENT = {
  format: 1,
  name: 'take-back',
  description: 'Takes a commit back.',
  summary: 'Take back {commit} on {branch}',
  match: { alerts: [{ label: 'severity', op: 'in', values: ['critical'] }], cause: 'bad_change' },
  parameters: {
    repository: { type: 'string', charset: 'name', from: { profile: '/repository' } },
    branch: { type: 'string', charset: 'path', from: { profile: '/branch' } },
    commit: { type: 'string', charset: 'hex', from: { finding: 'commit' } },
    probe_url: { type: 'string', charset: 'url', from: { profile: '/endpoints/probe' } },
  },
  reads: [
    {
      id: 'preview',
      call: {
        tool: 'git',
        action: 'preview',
        input: {
          repository: { $ref: 'parameters.repository' },
          commit: { $ref: 'parameters.commit' },
          date: { $ref: 'plan.created_at' },
        },
      },
    },
  ],
  conditions: [
    {
      of: { $ref: 'reads.preview/kind' },
      op: 'eq',
      value: 'revertible',
      otherwise: 'it cannot be taken back alone',
    },
    {
      of: { $ref: 'reads.preview/forward/commit' },
      op: 'eq',
      value: { $ref: 'parameters.commit' },
      otherwise: 'the preview is of another commit',
    },
  ],
  steps: [
    {
      id: 'look',
      title: 'Look',
      call: { tool: 'http', action: 'probe', input: { url: { $ref: 'parameters.probe_url' } } },
    },
    {
      id: 'revert',
      title: 'Revert {commit}',
      depends_on: ['look'],
      call: { tool: 'git', action: 'revert', input: { $ref: 'reads.preview/forward' } },
      preview: { diff: { $ref: 'reads.preview/diff' } },
      rollback: {
        call: { tool: 'git', action: 'revert', input: { $ref: 'reads.preview/undo' } },
        verify: [
          {
            id: 'restored',
            title: 'As before',
            call: { tool: 'http', action: 'probe', input: { url: { $ref: 'parameters.probe_url' } } },
            expect: [{ pointer: '/tree', op: 'eq', value: { $ref: 'reads.preview/base_tree' } }],
          },
        ],
      },
    },
  ],
  checks: [
    {
      id: 'works',
      title: 'It works',
      call: { tool: 'http', action: 'probe', input: { url: { $ref: 'parameters.probe_url' } } },
      expect: [{ pointer: '/ok', op: 'eq', value: true }],
      samples: { required: 3, interval: '300ms', within: '20s' },
      must_fail_before: true,
    },
  ],
  expires_in: '30m',
  max_run: '5m',
};

export const loadFixture = (change: Readonly<Record<string, unknown>> = {}): LoadedPlaybook =>
  parsePlaybook({
    document: { ...DOCUMENT, ...change },
    file: 'take-back.yaml',
    locate: () => null,
  });

const revertInput = z.strictObject({
  repository: z.string(),
  branch: z.string(),
  commit: z.string().regex(/^[0-9a-f]{40}$/),
  base: z.string().regex(/^[0-9a-f]{40}$/),
});

export const PREVIEW = {
  kind: 'revertible',
  base_tree: 't0',
  diff: '-      "timeout_ms": 20\n+      "timeout_ms": 600',
  forward: { repository: 'shop', branch: 'main', commit: COMMIT, base: TIP },
  undo: { repository: 'shop', branch: 'main', commit: REVERT, base: REVERT },
};

function action(kind: 'read' | 'write', schema: z.ZodType<JsonObject>): Action {
  return (value) => {
    const input = parseInput(schema, value, 'the input');
    return {
      kind,
      repeat: kind === 'read' ? 'convergent' : 'observable',
      definitionDigest: canonicalHash({ kind }),
      input,
      effects:
        kind === 'read'
          ? [{ kind: 'read', target: 'world' }]
          : [
              {
                kind: 'git_push',
                target: 'git:shop/refs/heads/main',
                branch: 'main',
                paths: ['services/checkout/config.json'],
                files_changed: 1,
                lines_changed: 2,
              },
            ],
      commands: [`echo '${JSON.stringify(input)}'`],
    };
  };
}

type Action = (input: JsonObject) => DescribedCall;

const ACTIONS: Readonly<Record<string, Action>> = {
  'git.preview': action(
    'read',
    z.strictObject({ repository: z.string(), commit: z.string(), date: z.iso.datetime() }),
  ),
  'git.revert': action('write', revertInput),
  'http.probe': action('read', z.strictObject({ url: z.url() })),
};

export const CATALOGUE: ToolCatalogue = {
  describe: async ({ tool, action, input }) => ACTIONS[`${tool}.${action}`]?.(input) ?? null,
};

/** The catalogue's actions under other names, and with schemas that take what they are given. */
export function lenientCatalogue(nameOf: (call: NamedCall) => string): ToolCatalogue {
  const any = z.record(z.string(), z.json());
  return {
    describe: async (call) => {
      const name = nameOf(call);
      return name in ACTIONS ? action(name === 'git.revert' ? 'write' : 'read', any)(call.input) : null;
    },
  };
}
