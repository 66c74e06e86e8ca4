import { z } from 'zod';
import { beforeEffect } from '../../before-effect.ts';
import { repositoryTarget } from '../../forge/forge-action.ts';
import type { ForgeActions } from '../../forge/forge-action.ts';
import type { ForgeApi } from '../../forge/forge-api.ts';
import { RequestBody, RequestTitle } from '../../forge/request-text.ts';
import { markedText, WriteKey } from '../../key-mark.ts';
import { BranchName } from '../git/git-settings.ts';
import { place, PullRequest, pullView, RawPull } from './pull-request.ts';
import { pullsOfKey, pullsPath } from './pulls-api.ts';

const CreateInput = z
  .strictObject({
    ...place,
    key: WriteKey,
    head: BranchName,
    base: BranchName,
    title: RequestTitle,
    body: RequestBody,
    draft: z.boolean().default(false),
  })
  .refine(({ head, base }) => head !== base, 'head and base must be two branches');
type CreateInput = z.infer<typeof CreateInput>;

const CreateOutput = z.strictObject({ pull_request: PullRequest });
type CreateOutput = z.infer<typeof CreateOutput>;

/** Opens a pull request; observable by its branch and the mark, undone by `close_pull_request` with both. */
export const createPullRequest = (actions: ForgeActions) =>
  actions.write<CreateInput, CreateOutput>({
    name: 'create_pull_request',
    description: 'Opens a pull request',
    repeat: 'observable',
    input: CreateInput,
    output: CreateOutput,
    effects: (input) => [
      { kind: 'review_request', target: repositoryTarget('gh', input, 'head', input.head), change: 'open' },
    ],
    run: async (input, api) => {
      const existing = await beforeEffect('GitHub', () => made(input, api));
      if (existing !== null) return existing;
      const { repository, head, base, title, draft } = input;
      const body = markedText(input.body, input.key);
      const answer = await api.write('POST', pullsPath(repository), { title, body, head, base, draft });
      return { pull_request: pullView(RawPull.parse(answer)) };
    },
    made,
    commands: (input) => [
      [
        'pr',
        'create',
        `--repo=${input.repository}`,
        `--head=${input.head}`,
        `--base=${input.base}`,
        `--title=${input.title}`,
        `--body=${markedText(input.body, input.key)}`,
        ...(input.draft ? ['--draft'] : []),
      ],
    ],
  });

async function made(input: CreateInput, api: ForgeApi): Promise<CreateOutput | null> {
  const found = (await pullsOfKey(api, input)).find(({ base }) => base.ref === input.base);
  return found === undefined ? null : { pull_request: pullView(found) };
}
