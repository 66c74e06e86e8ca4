import { describe } from 'vitest';
import { githubScenes } from './src/github-scenes.ts';

describe('gh by HTTP', () => {
  githubScenes(null);
});
