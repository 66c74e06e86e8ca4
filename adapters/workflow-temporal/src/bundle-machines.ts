import { fileURLToPath } from 'node:url';
import type { Logger } from '@carapulse/kernel';
import { bundleWorkflowCode } from '@temporalio/worker';
import { toTemporalLogger } from './temporal-logger.ts';

/**
 * The code that runs in Temporal's sandbox, as one script. `workflowsPath` is a module that exports `carapulseMailbox`
 * and, as `carapulseRun`, what `runMachines` gave. Takes seconds and some hundred megabytes for that time.
 * @throws an Error naming the import when a machine reaches for what the sandbox hasn't got.
 */
export async function bundleMachines(workflowsPath: string, logger: Logger | undefined): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    payloadConverterPath: fileURLToPath(new URL('./refused-payload.ts', import.meta.url)),
    logger: toTemporalLogger(logger),
    // The kernel's face exports hashing beside all else; no machine may call it, and a call fails in the sandbox.
    webpackConfigHook: (config) => ({ ...config, externals: { 'node:crypto': 'var {}' } }),
  });
  return code;
}
