import { AppError, type JsonObject } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { planFromWorkflow } from './plan-from-workflow.ts';
import type { PlanTemplateSource } from './plan-template.ts';
import { CATALOGUE, COMMIT, NOW, PREVIEW, PROFILE } from './testing.ts';
import { defineWorkflow, type NamedWorkflow } from './workflow.ts';
import { WORKFLOWS } from './workflows/workflow-list.ts';

const Input = z.strictObject({
  commit: z.string().regex(/^[0-9a-f]{40}$/, 'a commit'),
  service: z.string().default('checkout').describe('The service'),
  limit: z.strictObject({ value: z.int() }).optional(),
});

function takeBack(change: Partial<PlanTemplateSource> = {}, version = 1): NamedWorkflow {
  return defineWorkflow({
    name: 'take-back',
    title: 'Takes a commit back',
    version,
    input: Input,
    about: ({ service }) => ({ service }),
    draft: ({ commit }) => ({
      summary: 'Take back {commit}',
      parameters: { commit },
      reads: [
        {
          id: 'preview',
          call: {
            tool: 'git',
            action: 'preview',
            input: { repository: 'shop', commit, date: { $ref: 'plan.created_at' } },
          },
        },
      ],
      conditions: [
        {
          of: { $ref: 'reads.preview/kind' },
          op: 'eq',
          value: 'revertible',
          otherwise: 'it cannot be taken back',
          detail: { $ref: 'reads.preview/detail' },
        },
      ],
      steps: [
        {
          id: 'revert',
          title: 'Revert',
          call: { tool: 'git', action: 'revert', input: { $ref: 'reads.preview/forward' } },
          rollback: { none: 'a test' },
        },
      ],
      ...change,
    }),
  });
}

function plan(workflow: NamedWorkflow, preview: JsonObject = PREVIEW) {
  return planFromWorkflow(
    {
      workflow,
      drafted: workflow.draft({ commit: COMMIT }),
      profiles: { checkout: PROFILE },
      because: ['user:bob: it is broken'],
      planId: 'pl_01jd7q8z9abcdefghjkmnpqrst',
      createdBy: 'user:bob',
      trigger: { kind: 'workflow', ref: workflow.name },
      context: { tenant_id: 'default', environment: 'production' },
      now: NOW,
      catalogue: CATALOGUE,
      readTool: () => Promise.resolve(preview),
    },
    new AbortController().signal,
  );
}

function faultsOf(attempt: () => unknown): AppError {
  try {
    attempt();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('It was taken.');
}

describe('a named workflow', () => {
  it('becomes a plan by the planner of playbooks, for no incident, with its service and its reasons', async () => {
    const outcome = await plan(takeBack());
    expect(outcome).toMatchObject({
      kind: 'planned',
      draft: {
        summary: `Take back ${COMMIT}`,
        incident_id: null,
        trigger: { kind: 'workflow', ref: 'take-back' },
        origin: {
          planner: 'workflow',
          name: 'take-back',
          digest: takeBack().draft({ commit: COMMIT }).digest,
          because: ['user:bob: it is broken', 'workflow take-back, version 1'],
        },
        blast_radius: {
          kind: 'known',
          resources: ['git:shop/refs/heads/main', 'service:checkout'],
          dependents: ['storefront'],
        },
        steps: [{ step_id: 'revert', call: { input: PREVIEW.forward } }],
        max_run_ms: 900_000,
      },
    });
  });

  it('makes no plan when a condition does not hold, and tells what was read about it, made harmless', async () => {
    expect(await plan(takeBack(), { kind: 'refused', detail: 'a merge\n\u0007of two' })).toEqual({
      kind: 'not_planned',
      because: ['it cannot be taken back: a merge \\u{7}of two'],
    });
    expect(await plan(takeBack(), { kind: 'refused' })).toMatchObject({
      because: ['it cannot be taken back'],
    });
  });

  it('has a digest of its name, version and template', () => {
    const digest = (workflow: NamedWorkflow, commit = COMMIT) => workflow.draft({ commit }).digest;
    const all = [
      digest(takeBack()),
      digest(takeBack({}, 2)),
      digest(takeBack({ max_run: '16m' })),
      digest(takeBack(), 'd'.repeat(40)),
    ];
    expect(new Set(all).size).toBe(4);
    expect(digest(takeBack())).toBe(all[0]);
  });

  it.each<[string, JsonObject, string]>([
    ['a field that it does not know', { commit: COMMIT, comit: 'x' }, '/comit'],
    ['one further down', { commit: COMMIT, limit: { value: 1, unit: 's' } }, '/limit/unit'],
    ['a value of another type', { commit: COMMIT, limit: { value: 'x' } }, '/limit/value'],
    ['an input without what is required', {}, '/commit'],
  ])('refuses %s, by its pointer', (_, input, pointer) => {
    const error = faultsOf(() => takeBack().draft(input));
    expect(error.code).toBe('invalid_input');
    expect(error.errors.map((each) => each.pointer)).toEqual([pointer]);
    expect(error.message).toContain(`${pointer}: `);
  });

  it.each<[string, Partial<PlanTemplateSource>, string]>([
    ['a reference to nothing', { summary: 'x', checks: [], reads: [] }, 'names no parameter or earlier read'],
    ['a name in a text that is none', { summary: 'Take {that}' }, '{that} names no parameter'],
    ['no steps', { steps: [] }, '/steps'],
  ])('that drafts %s is a fault of ours, with its place', (_, change, message) => {
    const error = faultsOf(() => takeBack(change).draft({ commit: COMMIT }));
    expect(error.code).toBe('internal');
    expect(error.message).toContain(message);
  });
});

/** One input a workflow, with its version and the digest of what it drafts. */
const DRAFTED: Readonly<Record<string, readonly [input: JsonObject, version: number, digest: string]>> = {
  'gitops-deploy': [
    {
      repository: 'shop',
      file: 'shop/values.yaml',
      pointer: '/image/tag',
      value: '1.2.0',
      application: { instance: 'main', name: 'shop' },
      metric: { instance: 'main', query: 'errors', statistic: 'p95', op: 'lt', before: {} },
      grafana: { instance: 'main' },
      forge: { kind: 'gh', instance: 'main', repository: 'acme/shop' },
    },
    2,
    'sha256:a35424c2823756da432b9890f35eda2dc03ca11ea95bf127eb7a9106556e71e7',
  ],
  'helm-release': [
    { cluster: 'main', namespace: 'shop', release: 'web', chart: 'shop', version: '1.4.0' },
    3,
    'sha256:b41666605fd51168965031c6bd69b23efd3cb5e235e6e0d0375fac12a9270c20',
  ],
  'revert-commit': [
    {
      repository: 'shop',
      commit: 'a'.repeat(40),
      service: 'checkout',
      probe_url: 'http://127.0.0.1/checkout',
    },
    1,
    'sha256:d0489a569e21cdf6362ddd3cf6b0e4f4c326a8c32b6dbbb234d18e6809638a50',
  ],
  'scale-service': [
    {
      cluster: 'main',
      namespace: 'shop',
      kind: 'deployment',
      name: 'web',
      replicas: 5,
      metric: { instance: 'main', query: 'up', statistic: 'min', op: 'gte', value: 1 },
    },
    2,
    'sha256:b8cb0b1b2180912121e191d11e3d495941dc197c0cb4c47dbb8107c473034e04',
  ],
};

describe('the list of workflows', () => {
  it('has for each an input whose plan changes only with its version: raise it, then write both down here', () => {
    expect(Object.keys(DRAFTED).toSorted()).toEqual(WORKFLOWS.map(({ name }) => name).toSorted());
    for (const workflow of WORKFLOWS) {
      const [input = {}, version, digest] = DRAFTED[workflow.name] ?? [];
      expect([workflow.version, workflow.draft(input).digest], workflow.name).toEqual([version, digest]);
    }
  });

  it('has one of each name, with a title, and a strict schema whose fields are described', () => {
    expect(new Set(WORKFLOWS.map(({ name }) => name)).size).toBe(WORKFLOWS.length);
    for (const { name, title, version, inputSchema } of WORKFLOWS) {
      expect(name).toMatch(/^[a-z][a-z0-9-]{0,62}$/);
      expect(title.length).toBeGreaterThan(10);
      expect(version).toBeGreaterThan(0);
      expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      for (const [field, schema] of Object.entries(inputSchema['properties'] as JsonObject))
        expect(schema, `${name}: ${field}`).toHaveProperty('description');
    }
  });
});
