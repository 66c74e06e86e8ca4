import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AppError } from '@carapulse/kernel';
import type { ReplayVerdict, TemporalHistory } from '@carapulse/workflows';
import { parseRunHistory, planMachine, replayHistory } from '@carapulse/workflows';
import { installationPaths } from '../installation/installation-paths.ts';
import { loadAuditKey } from '../installation/signing-keys.ts';
import { payloadKeys } from '../temporal/payload-keys.ts';
import { WORKFLOWS_PATH } from '../temporal/workflows-path.ts';

/**
 * Lets this build hear recorded runs again, and prints a line a file. Runs nothing and needs no server.
 * @returns 0, or 1 when some run would have gone another way.
 * @throws AppError `invalid_input` when a file is no history, `not_found` when it or a key that it needs is missing.
 */
export async function workflowReplay(
  files: readonly string[],
  options: { readonly directory: string },
): Promise<number> {
  const from = process.env['CARAPULSE_INVOKED_FROM'] ?? '.';
  const replayTemporal = temporalReplayer(resolve(from, options.directory));
  let status = 0;
  for (const file of files) {
    const history = parseRunHistory(await readText(resolve(from, file)), file);
    const verdict =
      history.engine === 'embedded'
        ? replayHistory([planMachine], history)
        : await replayTemporal(history, file);
    if (verdict.kind === 'differs') status = 1;
    process.stdout.write(`${file}: ${describe(verdict)}\n`);
  }
  return status;
}

function describe(verdict: ReplayVerdict): string {
  if (verdict.kind === 'differs') return `differs: ${verdict.reason}`;
  const end = verdict.ended === null ? 'not ended' : `ended ${verdict.ended}`;
  const after = verdict.after === undefined ? '' : ` after ${verdict.after}`;
  return `same: ${verdict.events} events${after}, ${end}`;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('not_found', `${path} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
}

/** Key and bundle are made once, and only when a history of Temporal comes. */
function temporalReplayer(root: string) {
  const open = async () => {
    const { keys } = installationPaths(root);
    if (!existsSync(join(keys, 'audit-chain.key')))
      throw new AppError(
        'not_found',
        `it is sealed, and ${keys} has no key that could open it; give --directory of the installation that ran it.`,
      );
    const sealedBy = payloadKeys(await loadAuditKey(keys));
    // Loaded only here: the SDK is large, and histories of the embedded engine don't need it.
    const { bundleMachines, replayTemporalHistory } = await import('@carapulse/workflow-temporal');
    const replay = { bundle: await bundleMachines(WORKFLOWS_PATH, undefined), payloadKeys: sealedBy };
    return (history: TemporalHistory) => replayTemporalHistory(replay, history);
  };
  let opened: ReturnType<typeof open> | null = null;
  return async (history: TemporalHistory, file: string): Promise<ReplayVerdict> => {
    try {
      return await (
        await (opened ??= open())
      )(history);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      throw new AppError(error.code, `${file}: ${error.message}`, { cause: error });
    }
  };
}
