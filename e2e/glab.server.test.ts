import { findBuilt } from '@carapulse/example-testbed';
import { describe } from 'vitest';
import { gitlabScenes } from './src/gitlab-scenes.ts';

const path = (await findBuilt(['glab']))['glab'] ?? null;
if (path === null && process.env['CI'] === 'true') throw new Error('There is no glab: npm run servers:build');

describe.skipIf(path === null)('glab by the program (needs glab)', () => {
  gitlabScenes(path);
});
