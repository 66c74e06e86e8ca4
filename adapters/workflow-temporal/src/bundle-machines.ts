import { fileURLToPath } from 'node:url';
import type { Logger } from '@carapulse/kernel';
import { bundleWorkflowCode } from '@temporalio/worker';
import { keptBundle, type Bundle } from './kept-bundle.ts';
import { toTemporalLogger } from './temporal-logger.ts';

/**
 * The code that runs in Temporal's sandbox, as one script. `workflowsPath` is a module that exports `carapulseMailbox`
 * and, as `carapulseRun`, what `runMachines` gave. Making it takes seconds and some hundred megabytes for that time;
 * with `keepIn`, a file, the next call takes it from there while nothing that it was made of has changed.
 * @throws an Error naming the import when a machine reaches for what the sandbox hasn't got.
 */
export async function bundleMachines(
  workflowsPath: string,
  logger: Logger | undefined,
  keepIn?: string,
): Promise<string> {
  const make = (): Promise<Bundle> => makeBundle(workflowsPath, logger);
  return keepIn === undefined ? (await make()).code : keptBundle(keepIn, workflowsPath, make);
}

async function makeBundle(workflowsPath: string, logger: Logger | undefined): Promise<Bundle> {
  // This file and the bundler's decide too what comes out.
  const paths = new Set([import.meta.filename, fileURLToPath(import.meta.resolve('@temporalio/worker'))]);
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    payloadConverterPath: fileURLToPath(new URL('./refused-payload.ts', import.meta.url)),
    logger: toTemporalLogger(logger),
    webpackConfigHook: (config) => ({
      ...config,
      // A run loads all that is bundled anew: what its machine doesn't use, schemas above all, stays out.
      optimization: { ...config.optimization, sideEffects: true, providedExports: true, usedExports: true },
      // The kernel's face exports hashing beside all else; no machine may call it, and a call fails in the sandbox.
      externals: { 'node:crypto': 'var {}' },
      plugins: [
        ...(config.plugins ?? []),
        {
          apply: (compiler) =>
            compiler.hooks.done.tap('paths', ({ compilation }) => {
              for (const path of [...compilation.fileDependencies, ...compilation.missingDependencies])
                paths.add(path);
            }),
        },
      ],
    }),
  });
  return { code, paths: [...paths] };
}
