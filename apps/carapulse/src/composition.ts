export { Config } from '@carapulse/configuration';
export { installationPaths, type InstallationPaths } from './installation/installation-paths.ts';
export { createRuntime } from './services/runtime.ts';
export { startCarapulse, type RunningCarapulse } from './services/start-carapulse.ts';
export type { StartOptions } from './services/start-options.ts';
