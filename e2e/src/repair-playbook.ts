import type { RepositoryName } from './shop.ts';

const PARAMETER = (name: RepositoryName): string =>
  `  ${name}_commit: { type: string, charset: hex, max_length: 64, from: { alert_label: ${name}_commit } }`;

const READ = (name: RepositoryName): string => `  - id: ${name}
    call:
      tool: git
      action: revert_preview
      input:
        repository: ${name}
        branch: main
        commit: { $ref: parameters.${name}_commit }
        date: { $ref: plan.created_at }`;

const CONDITION = (name: RepositoryName): string =>
  `  - { of: { $ref: reads.${name}/kind }, op: eq, value: revertible, otherwise: it cannot be reverted }`;

const LOOK = (name: RepositoryName, after: string): string => `  - id: look-${name}
    title: Look at ${name}
    depends_on: [${after}]
    call: { tool: git, action: show, input: { repository: ${name}, branch: main, revision: { $ref: parameters.${name}_commit } } }`;

const REVERT = (name: RepositoryName, after: string): string => `  - id: revert-${name}
    title: Revert on ${name}
    depends_on: [${after}]
    call: { tool: git, action: revert, input: { $ref: reads.${name}/forward } }
    preview: { diff: { $ref: reads.${name}/diff }, truncated: { $ref: reads.${name}/diff_truncated } }
    preconditions:
      - id: ${name}-unmoved
        title: ${name} is where the preview was computed
        call: { tool: git, action: resolve, input: { repository: ${name}, branch: main } }
        expect: [{ pointer: /revision, op: eq, value: { $ref: reads.${name}/base_revision } }]
    verify:
      - id: ${name}-is-tip
        title: ${name} is at the approved commit
        call: { tool: git, action: resolve, input: { repository: ${name}, branch: main } }
        expect: [{ pointer: /revision, op: eq, value: { $ref: reads.${name}/expected_commit } }]
    rollback:
      call: { tool: git, action: revert, input: { $ref: reads.${name}/undo } }
      verify:
        - id: ${name}-restored
          title: ${name} holds what it held
          call: { tool: git, action: resolve, input: { repository: ${name}, branch: main } }
          expect: [{ pointer: /tree, op: eq, value: { $ref: reads.${name}/base_tree } }]`;

const CHECK = (name: RepositoryName, url: string): string => `  - id: ${name}-works
    title: ${name} works
    call: { tool: http, action: probe, input: { url: '${url}/${name}' } }
    expect: [{ pointer: /ok, op: eq, value: true }]
    samples: { required: 1, interval: 100ms, within: 2s }
    must_fail_before: true`;

/** A repair of two repositories as a graph of two branches: read then write beside write then read. */
export function repairPlaybook(options: {
  readonly name: string;
  readonly alertname: string;
  readonly shopUrl: string;
  readonly expiresIn: string;
}): string {
  return `format: 1
name: ${options.name}
description: Takes back one commit in each of two repositories.
summary: Revert {alpha_commit} and {beta_commit}
match:
  alerts:
    - { label: alertname, op: eq, value: ${options.alertname} }
parameters:
${PARAMETER('alpha')}
${PARAMETER('beta')}
reads:
${READ('alpha')}
${READ('beta')}
conditions:
${CONDITION('alpha')}
${CONDITION('beta')}
steps:
${LOOK('alpha', '')}
${REVERT('alpha', 'look-alpha')}
${REVERT('beta', '')}
${LOOK('beta', 'revert-beta')}
checks:
${CHECK('alpha', options.shopUrl)}
${CHECK('beta', options.shopUrl)}
expires_in: ${options.expiresIn}
max_run: 5m
`;
}
