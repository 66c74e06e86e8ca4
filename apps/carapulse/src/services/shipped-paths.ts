import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..', '..', '..');

/** What comes with the repository. */
export const SHIPPED = {
  policies: join(root, 'policies'),
  playbooks: join(root, 'playbooks'),
} as const;
