import { InstanceName } from '@carapulse/tools';
import { z } from 'zod';
import { Branch, Repository, ServiceName } from './input-fields.ts';
import { MetricInput } from './metric-parts.ts';

const dnsName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'lower-case letters, digits, dashes and dots');

const checksWithin = z
  .int()
  .min(10)
  .max(1200)
  .default(600)
  .describe('How long the checks of the forge may take until they have passed');
const awaitChecks = z
  .boolean()
  .default(true)
  .describe('False where the forge runs no checks: the request is opened, and merged at once');

const Forge = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('gh').describe('GitHub: a pull request'),
      instance: InstanceName.describe('The instance as connectors.gh names it'),
      repository: z
        .string()
        .max(140)
        .regex(/^[A-Za-z0-9_-]+\/[A-Za-z0-9._-]+$/, 'owner/name')
        .describe('The same repository as GitHub has it, owner/name'),
      await_checks: awaitChecks,
      required_checks: z
        .array(z.string().min(1).max(200))
        .max(20)
        .default([])
        .describe('Checks by name that must be there and have succeeded, whatever others there are'),
      checks_within_seconds: checksWithin,
    }),
    z.strictObject({
      kind: z.literal('glab').describe('GitLab: a merge request'),
      instance: InstanceName.describe('The instance as connectors.glab names it'),
      repository: z
        .string()
        .max(500)
        .regex(/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)+$/, 'group/project')
        .describe('The same repository as GitLab has it, group/project'),
      await_checks: awaitChecks,
      checks_within_seconds: checksWithin,
    }),
  ])
  .describe('The commit goes through a request there, and onto the branch once its checks have passed');
export type Forge = z.infer<typeof Forge>;

const Grafana = z
  .strictObject({
    instance: InstanceName.describe('The instance as connectors.grafana names it'),
    dashboard_uid: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,40}$/, 'a uid as Grafana has it')
      .optional()
      .describe('The dashboard to mark; else every dashboard that asks for the tag “deployment”'),
  })
  .describe('Where the deployment is marked on graphs, and its taking back too');

/** What is changed in Git, what is deployed by it, and how that is watched. */
export const GitopsInput = z.strictObject({
  repository: Repository,
  branch: Branch.describe('The branch that the application follows'),
  file: z
    .string()
    .max(500)
    .regex(/^[^\p{Cc}/:-][^\p{Cc}]*\.(ya?ml|json)$/u, 'a YAML or JSON file inside the repository')
    .describe('The file whose value says what is deployed, such as shop/values.yaml'),
  pointer: z
    .string()
    .max(500)
    .regex(/^(\/([^/~\p{Cc}]|~[01])+)+$/u, 'a JSON pointer such as /image/tag')
    .describe('Where in the file the value stands, as a JSON pointer such as /image/tag'),
  value: z
    .union([
      z
        .string()
        .max(2000)
        .regex(/^[^\p{Cc}]*$/u, 'one line of text'),
      z.number(),
      z.boolean(),
    ])
    .describe('The value to set, such as the tag of an image'),
  application: z
    .strictObject({
      instance: z
        .string()
        .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'an instance of connectors.argocd')
        .describe('The Argo CD as connectors.argocd names it'),
      project: dnsName.default('default').describe('The project of the application'),
      name: dnsName.describe('The name of the application'),
    })
    .describe('What Argo CD deploys from the repository'),
  service: ServiceName.optional(),
  healthy_for_seconds: z
    .int()
    .min(2)
    .max(600)
    .default(10)
    .describe('How long the application must be seen healthy without a break'),
  within_seconds: z
    .int()
    .min(10)
    .max(1200)
    .default(300)
    .describe('How long it may take until then; afterwards everything is taken back'),
  metric: MetricInput.optional(),
  grafana: Grafana.optional(),
  forge: Forge.optional(),
});
export type GitopsInput = z.infer<typeof GitopsInput>;
