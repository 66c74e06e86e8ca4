import { forgeActions } from '../../forge/forge-action.ts';
import { forgeSettings } from '../../forge/forge-settings.ts';
import type { ForgeSettings } from '../../forge/forge-settings.ts';
import { defineTool } from '../../tool-definition.ts';
import { closePullRequest } from './close-pull-request.ts';
import { createPullRequest } from './create-pull-request.ts';
import { githubCli } from './github-cli.ts';
import { mergePullRequest } from './merge-pull-request.ts';
import { RepositoryPath } from './pull-request.ts';
import { checks, pullRequest, pullRequests } from './read-actions.ts';

const actions = forgeActions({
  tool: 'gh',
  headers: { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' },
  cli: githubCli,
});

/** GitHub by its REST API, sent by `gh api` where gh is installed. */
export const gh = defineTool<ForgeSettings>({
  name: 'gh',
  title: 'GitHub',
  settings: forgeSettings(RepositoryPath),
  actions: [pullRequest, pullRequests, checks, createPullRequest, closePullRequest, mergePullRequest].map(
    (make) => make(actions),
  ),
});
