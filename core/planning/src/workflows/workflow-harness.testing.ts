import { AppError, type JsonObject, type JsonValue } from '@carapulse/kernel';
import { createToolRegistry, TOOLS } from '@carapulse/tools';
import { planFromWorkflow } from '../plan-from-workflow.ts';
import type { PlanningOutcome } from '../plan-from-template.ts';
import { catalogueOf } from '../registry-catalogue.ts';
import { NOW, PROFILE } from '../testing.ts';
import type { NamedWorkflow } from '../workflow.ts';

/** The certificate of an authority whose key nobody has. */
const CA = `-----BEGIN CERTIFICATE-----
MIIBhDCCASugAwIBAgIUBeZcxmVE5+FkXEZCxuB0FiE9v3IwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMdGVzdCBjbHVzdGVyMCAXDTI2MTEyNTIxMDAyOVoYDzIxMjYx
MTAxMjEwMDI5WjAXMRUwEwYDVQQDDAx0ZXN0IGNsdXN0ZXIwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAATpquF9AC7CQQONx8dT4GGW3PaDORVcCVrU2uX/++Or/lAF
hFr7dnQySHIAdL0s6QmyQqV1SCgOGqTrNYOo6Anwo1MwUTAdBgNVHQ4EFgQUHzcK
sw3kl1/w0R+Hds3xklLLSkowHwYDVR0jBBgwFoAUHzcKsw3kl1/w0R+Hds3xklLL
SkowDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiB56T760SztuXuH
Uq/lFx09TAb2xQXnJXERiU5flhLsLgIgXXP+dsV9X4ayPJhfIlai9FYd5URkF1K2
rg64yUM62q8=
-----END CERTIFICATE-----
`;

/** The real tools, configured for what does not exist: a workflow's calls are held to their real schemas. */
export const REAL_CATALOGUE = catalogueOf(
  createToolRegistry(TOOLS, {
    kubectl: {
      clusters: {
        main: {
          server: 'https://kubernetes.example:6443',
          ca: CA,
          uid: '7f3c1a52-9c7d-4d7e-8a51-0f6f9a1b2c3d',
          egress: 'private',
          namespaces: ['shop'],
          token: 'standing-token',
          write_account: { namespace: 'carapulse', name: 'writer' },
        },
      },
    },
    prometheus: { instances: { main: { url: 'http://prometheus.example:9090', egress: 'private' } } },
  }),
);

/** Plans a workflow with the real tools' schemas and recorded answers, by `tool.action`. */
export async function planWorkflow(
  workflow: NamedWorkflow,
  input: JsonObject,
  answers: Readonly<Record<string, JsonValue>>,
): Promise<{ readonly outcome: PlanningOutcome; readonly calls: readonly JsonObject[] }> {
  const calls: JsonObject[] = [];
  const outcome = await planFromWorkflow(
    {
      workflow,
      drafted: workflow.draft(input),
      profiles: { checkout: PROFILE },
      because: ['user:bob: a test'],
      planId: 'pl_01jd7q8z9abcdefghjkmnpqrst',
      createdBy: 'user:bob',
      trigger: { kind: 'workflow', ref: workflow.name },
      context: { tenant_id: 'default', environment: 'production' },
      now: NOW,
      catalogue: REAL_CATALOGUE,
      readTool: ({ tool, action, input: given }) => {
        calls.push({ call: `${tool}.${action}`, ...given });
        const answer = answers[`${tool}.${action}`];
        if (answer === undefined) throw new AppError('not_found', `There is no answer to ${tool}.${action}.`);
        return Promise.resolve(answer);
      },
    },
    new AbortController().signal,
  );
  return { outcome, calls };
}
