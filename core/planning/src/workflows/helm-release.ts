import { z } from 'zod';
import type { PlanTemplateSource } from '../plan-template.ts';
import { defineWorkflow } from '../workflow.ts';
import { PlainValues, ServiceName } from './input-fields.ts';
import { MetricInput, metricParts } from './metric-parts.ts';

const label = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'lower-case letters, digits, dashes');
const sha256 = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hexadecimal digits');

const Input = z.strictObject({
  cluster: label.describe('The cluster as connectors.helm.clusters names it'),
  namespace: label.describe('The namespace of the release'),
  release: z
    .string()
    .max(53)
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'the name of a release')
    .describe('The release; it must be installed'),
  chart: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'a chart of connectors.helm.charts')
    .describe('The chart as connectors.helm.charts names it'),
  version: z
    .string()
    .max(100)
    .regex(/^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$/, 'one exact version')
    .describe('The one version of the chart'),
  commit: z
    .string()
    .regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, 'the whole id of a commit')
    .optional()
    .describe('For charts in a Git repository: the commit to take them at'),
  values_ref: z
    .discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('git_path'),
        repository: z.string(),
        path: z.string(),
        revision: z.string(),
        sha256,
      }),
      z.strictObject({ kind: z.literal('object_store'), key: z.string(), sha256 }),
    ])
    .optional()
    .describe('Values that lie elsewhere, with their checksum'),
  set: PlainValues.optional().describe(
    'Values as JSON; they win over values_ref. No secrets: a plan is shown',
  ),
  keep_values: z
    .boolean()
    .default(true)
    .describe('Whether what the present revision sets stays below what is set here'),
  irreversible: z
    .boolean()
    .default(false)
    .describe(
      'True where hooks or custom resource definitions take part and that is accepted: no way back then',
    ),
  service: ServiceName.optional(),
  probe_url: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .optional()
    .describe('Must answer well afterwards, or the upgrade is undone'),
  metric: MetricInput.optional(),
});
type Input = z.infer<typeof Input>;

/** Upgrades a release and follows its rollouts; goes back to the revision before when they do not complete. */
export const helmRelease = defineWorkflow({
  name: 'helm-release',
  title: 'Upgrades a Helm release; rolled back when its rollouts or the checks after it fail',
  version: 3,
  input: Input,
  about: ({ service, cluster, namespace }) => ({ service: service ?? null, cluster_id: cluster, namespace }),
  draft: (input): PlanTemplateSource => {
    const { cluster, namespace, release, chart, version, commit, irreversible } = input;
    const place = { cluster, namespace, release };
    const { values_ref: ref, set, keep_values } = input;
    const metric = metricParts(input.metric, 'upgrade');
    return {
      summary: 'Upgrade release {release} in {namespace} of {cluster} to {chart} {version}',
      parameters: { ...place, chart, version },
      reads: [
        {
          id: 'preview',
          call: {
            tool: 'helm',
            action: 'upgrade_preview',
            input: {
              ...place,
              chart: { name: chart, version, ...(commit !== undefined && { commit }) },
              keep_values,
              ...(ref !== undefined && { values_ref: ref }),
              ...(set !== undefined && { set }),
            },
          },
        },
        ...metric.reads,
      ],
      conditions: [
        {
          of: { $ref: 'reads.preview/kind' },
          op: 'eq',
          value: irreversible ? 'irreversible' : 'upgradable',
          otherwise: irreversible
            ? 'this is no upgrade without a way back, so irreversible is to be left out'
            : 'the release cannot be upgraded so, or not with a way back',
          detail: { $ref: 'reads.preview/detail' },
        },
        ...metric.conditions,
      ],
      steps: [
        ...metric.before,
        {
          id: 'upgrade',
          title: 'Upgrade {release} to {chart} {version}',
          depends_on: metric.before.map(({ id }) => id),
          call: { tool: 'helm', action: 'upgrade', input: { $ref: 'reads.preview/forward' } },
          // Only the dry run and the write itself; rollouts are followed by the checks.
          timeout: '10m',
          preview: {
            diff: { $ref: 'reads.preview/diff' },
            truncated: { $ref: 'reads.preview/diff_truncated' },
          },
          preconditions: [
            {
              id: 'release-unmoved',
              title: 'The release is at the revision that was previewed',
              call: { tool: 'helm', action: 'status', input: place },
              expect: [
                { pointer: '/revision', op: 'eq', value: { $ref: 'reads.preview/revision' } },
                {
                  pointer: '/manifest_digest',
                  op: 'eq',
                  value: { $ref: 'reads.preview/forward/from_manifest' },
                },
              ],
            },
          ],
          verify: [
            {
              id: 'revision-made',
              title: 'The release is deployed at the next revision, made of what was approved',
              call: { tool: 'helm', action: 'status', input: place },
              expect: [
                { pointer: '/revision', op: 'eq', value: { $ref: 'reads.preview/new_revision' } },
                { pointer: '/status', op: 'eq', value: 'deployed' },
                {
                  pointer: '/manifest_digest',
                  op: 'eq',
                  value: { $ref: 'reads.preview/forward/expected_manifest' },
                },
              ],
            },
            {
              id: 'rollouts-complete',
              title: 'The rollouts of all its workloads are complete',
              call: { tool: 'helm', action: 'rollout_status', input: place },
              expect: [
                { pointer: '/revision', op: 'eq', value: { $ref: 'reads.preview/new_revision' } },
                { pointer: '/complete', op: 'eq', value: true },
              ],
              samples: { required: 2, interval: '1s', within: { $ref: 'reads.preview/verify_within_ms' } },
            },
          ],
          rollback: irreversible
            ? { impossible: 'Hooks or custom resource definitions take part; a rollback would not undo them' }
            : {
                call: { tool: 'helm', action: 'rollback', input: { $ref: 'reads.preview/undo' } },
                timeout: '10m',
                verify: [
                  {
                    id: 'manifest-restored',
                    title: 'The release is deployed again with the manifest that it had',
                    call: { tool: 'helm', action: 'status', input: place },
                    expect: [
                      { pointer: '/status', op: 'eq', value: 'deployed' },
                      {
                        pointer: '/manifest_digest',
                        op: 'eq',
                        value: { $ref: 'reads.preview/forward/from_manifest' },
                      },
                    ],
                  },
                  {
                    id: 'rollouts-restored',
                    title: 'The rollouts of all its workloads are complete again',
                    call: { tool: 'helm', action: 'rollout_status', input: place },
                    expect: [{ pointer: '/complete', op: 'eq', value: true }],
                    samples: {
                      required: 2,
                      interval: '1s',
                      within: { $ref: 'reads.preview/undo_within_ms' },
                    },
                  },
                ],
              },
        },
        ...metric.after,
      ],
      checks: checksOf(input),
      max_run: '30m',
    };
  },
});

function checksOf({ probe_url: url }: Input): NonNullable<PlanTemplateSource['checks']> {
  if (url === undefined) return [];
  return [
    {
      id: 'service-works',
      title: 'The service answers its probe',
      call: { tool: 'http', action: 'probe', input: { url } },
      expect: [{ pointer: '/ok', op: 'eq', value: true }],
      samples: { required: 3, interval: '1s', within: '2m' },
    },
  ];
}
