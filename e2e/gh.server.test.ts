import { describe } from 'vitest';
import { githubScenes } from './src/github-scenes.ts';
import { onPath } from './src/tool-world.ts';

const path = onPath('gh');
if (path === null && process.env['CI'] === 'true') throw new Error('There is no gh: apt-get install gh');

describe.skipIf(path === null)('gh by the program (needs gh)', () => {
  githubScenes(path);
});
