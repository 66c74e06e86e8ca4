export { Config } from '@carapulse/configuration';
export { installationPaths, type InstallationPaths } from './installation/installation-paths.ts';
export { createRuntime } from './services/runtime.ts';
export { startCarapulse, type RunningCarapulse, type StartOptions } from './services/start-carapulse.ts';
