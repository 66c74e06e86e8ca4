import { z } from 'zod';
import { defineWorkflow } from '../workflow.ts';
import { Branch, Repository, ServiceName } from './input-fields.ts';

const Input = z.strictObject({
  repository: Repository,
  branch: Branch.describe('The branch to push the revert to'),
  commit: z
    .string()
    .regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, 'the whole id of a commit, in lower-case hexadecimal')
    .describe('The commit to take back'),
  service: ServiceName.optional(),
  probe_url: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .optional()
    .describe('Must answer well afterwards, or the revert is undone'),
});

/** Takes one commit back on its branch, and puts it there again when the service does not answer afterwards. */
export const revertCommit = defineWorkflow({
  name: 'revert-commit',
  title: 'Reverts one commit on its branch; undone when the service does not answer afterwards',
  version: 1,
  input: Input,
  about: ({ service }) => ({ service: service ?? null }),
  draft: ({ repository, branch, commit, probe_url }) => {
    const resolve = { tool: 'git', action: 'resolve', input: { repository, branch } };
    return {
      summary: 'Revert commit {short_commit} on {branch} of {repository}',
      parameters: { repository, branch, commit, short_commit: commit.slice(0, 12) },
      reads: [
        {
          id: 'preview',
          call: {
            tool: 'git',
            action: 'revert_preview',
            input: { repository, branch, commit, date: { $ref: 'plan.created_at' } },
          },
        },
      ],
      conditions: [
        {
          of: { $ref: 'reads.preview/kind' },
          op: 'eq',
          value: 'revertible',
          otherwise: 'the commit cannot be reverted by itself',
          detail: { $ref: 'reads.preview/detail' },
        },
      ],
      steps: [
        {
          id: 'revert',
          title: 'Revert {short_commit} on {branch} and push',
          call: { tool: 'git', action: 'revert', input: { $ref: 'reads.preview/forward' } },
          preview: {
            diff: { $ref: 'reads.preview/diff' },
            truncated: { $ref: 'reads.preview/diff_truncated' },
          },
          preconditions: [
            {
              id: 'branch-unmoved',
              title: 'The branch is where the preview was computed',
              call: resolve,
              expect: [{ pointer: '/revision', op: 'eq', value: { $ref: 'reads.preview/base_revision' } }],
            },
          ],
          verify: [
            {
              id: 'revert-is-tip',
              title: 'The branch is at exactly the commit that was approved',
              call: resolve,
              expect: [{ pointer: '/revision', op: 'eq', value: { $ref: 'reads.preview/expected_commit' } }],
            },
          ],
          rollback: {
            call: { tool: 'git', action: 'revert', input: { $ref: 'reads.preview/undo' } },
            verify: [
              {
                id: 'tree-restored',
                title: 'The branch holds the very files it held before',
                call: resolve,
                expect: [{ pointer: '/tree', op: 'eq', value: { $ref: 'reads.preview/base_tree' } }],
              },
            ],
          },
        },
      ],
      checks:
        probe_url === undefined
          ? []
          : [
              {
                id: 'service-works',
                title: 'The service answers its probe',
                call: { tool: 'http', action: 'probe', input: { url: probe_url } },
                expect: [{ pointer: '/ok', op: 'eq', value: true }],
                samples: { required: 3, interval: '1s', within: '2m' },
              },
            ],
    };
  },
});
