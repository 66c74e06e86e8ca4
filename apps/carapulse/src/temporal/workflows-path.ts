import { fileURLToPath } from 'node:url';

/** The module that is bundled for Temporal's sandbox. */
export const WORKFLOWS_PATH = fileURLToPath(new URL('./workflows.ts', import.meta.url));
