import { z } from 'zod';
import { beforeEffect } from '../../before-effect.ts';
import { repositoryTarget } from '../../forge/forge-action.ts';
import type { ForgeActions } from '../../forge/forge-action.ts';
import type { ForgeApi } from '../../forge/forge-api.ts';
import { RequestBody, RequestTitle } from '../../forge/request-text.ts';
import { markedText, WriteKey } from '../../key-mark.ts';
import { BranchName } from '../git/git-settings.ts';
import { MergeRequest, mergeView, place, RawMerge } from './merge-request.ts';
import { mergesOfKey, mergesPath } from './merges-api.ts';

const CreateInput = z
  .strictObject({
    ...place,
    key: WriteKey,
    source: BranchName,
    target: BranchName,
    title: RequestTitle.refine(
      (title) => !/^\s*[[(]?\s*(draft|wip)\b/i.test(title),
      'a title that doesn’t begin with “Draft” or “WIP”, which GitLab reads; say `draft`',
    ),
    /** GitLab does what a line says that begins with a slash, such as `/merge`. */
    body: RequestBody.refine(
      (body) => !/^\s*\//m.test(body),
      'a body without a line that begins with “/”, which is a command to GitLab',
    ),
    draft: z.boolean().default(false),
  })
  .refine(({ source, target }) => source !== target, 'source and target must be two branches');
type CreateInput = z.infer<typeof CreateInput>;

const CreateOutput = z.strictObject({ merge_request: MergeRequest });
type CreateOutput = z.infer<typeof CreateOutput>;

/** Opens a merge request; observable by its branch and the mark, undone by `close_merge_request` with both. */
export const createMergeRequest = (actions: ForgeActions) =>
  actions.write<CreateInput, CreateOutput>({
    name: 'create_merge_request',
    description: 'Opens a merge request',
    repeat: 'observable',
    input: CreateInput,
    output: CreateOutput,
    effects: (input) => [
      {
        kind: 'review_request',
        target: repositoryTarget('glab', input, 'source', input.source),
        change: 'open',
      },
    ],
    run: async (input, api) => {
      const existing = await beforeEffect('GitLab', () => made(input, api));
      if (existing !== null) return existing;
      const answer = await api.write('POST', mergesPath(input.repository), {
        title: titleOf(input),
        description: markedText(input.body, input.key),
        source_branch: input.source,
        target_branch: input.target,
      });
      return { merge_request: mergeView(RawMerge.parse(answer)) };
    },
    made,
    commands: (input) => [
      [
        'mr',
        'create',
        `--repo=${input.repository}`,
        `--source-branch=${input.source}`,
        `--target-branch=${input.target}`,
        `--title=${titleOf(input)}`,
        `--description=${markedText(input.body, input.key)}`,
      ],
    ],
  });

function titleOf({ title, draft }: CreateInput): string {
  return draft ? `Draft: ${title}` : title;
}

async function made(input: CreateInput, api: ForgeApi): Promise<CreateOutput | null> {
  const found = (await mergesOfKey(api, input)).find((merge) => merge.target_branch === input.target);
  return found === undefined ? null : { merge_request: mergeView(found) };
}
