import { defineTool } from '../../tool-definition.ts';
import { EMPTY_MIRROR } from './git-mirror.ts';
import { GitSettings } from './git-settings.ts';
import { commit } from './commit.ts';
import { commitPreview } from './commit-preview.ts';
import { proposal } from './proposal.ts';
import { propose } from './propose.ts';
import { commitsTouching, diff, log, resolve, show } from './read-actions.ts';
import { revertPreview } from './revert-preview.ts';
import { revert } from './revert.ts';
import { withdraw } from './withdraw.ts';

/** Repositories by the git program, each call in a private mirror. */
export const git = defineTool<GitSettings>({
  name: 'git',
  title: 'Git',
  settings: GitSettings,
  scratch: EMPTY_MIRROR,
  actions: [
    log,
    show,
    diff,
    resolve,
    commitsTouching,
    proposal,
    revertPreview,
    revert,
    commitPreview,
    commit,
    propose,
    withdraw,
  ],
});

export { CommitInput } from './commit-input.ts';
export { CommitPreview } from './commit-preview.ts';
export { RevertPreview } from './revert-preview.ts';
export { RevertInput } from './revert-input.ts';
