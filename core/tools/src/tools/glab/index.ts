import { forgeActions } from '../../forge/forge-action.ts';
import { forgeSettings } from '../../forge/forge-settings.ts';
import type { ForgeSettings } from '../../forge/forge-settings.ts';
import { defineTool } from '../../tool-definition.ts';
import { acceptMergeRequest } from './accept-merge-request.ts';
import { closeMergeRequest } from './close-merge-request.ts';
import { createMergeRequest } from './create-merge-request.ts';
import { gitlabCli } from './gitlab-cli.ts';
import { RepositoryPath } from './merge-request.ts';
import { checks, mergeRequest, mergeRequests } from './read-actions.ts';

const actions = forgeActions({ tool: 'glab', headers: { accept: 'application/json' }, cli: gitlabCli });

/** GitLab by its REST API, version 4, sent by `glab api` where glab is installed. */
export const glab = defineTool<ForgeSettings>({
  name: 'glab',
  title: 'GitLab',
  settings: forgeSettings(RepositoryPath),
  actions: [
    mergeRequest,
    mergeRequests,
    checks,
    createMergeRequest,
    closeMergeRequest,
    acceptMergeRequest,
  ].map((make) => make(actions)),
});
