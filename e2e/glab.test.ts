import { describe } from 'vitest';
import { gitlabScenes } from './src/gitlab-scenes.ts';

describe('glab by HTTP', () => {
  gitlabScenes(null);
});
