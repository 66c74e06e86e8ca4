import { toAppError, type Logger } from '@carapulse/kernel';
import { parsePlaybook, type LoadedPlaybook } from '@carapulse/planning';
import type { StoreReads } from '../ports/index.ts';

/** The enabled playbooks, ready to match. One that no longer parses is left out and told in the log. */
export async function loadPlaybooks(
  reads: StoreReads,
  tenantId: string,
  logger: Logger,
): Promise<readonly LoadedPlaybook[]> {
  const loaded: LoadedPlaybook[] = [];
  for (const record of await reads.playbooks(tenantId)) {
    if (!record.enabled) continue;
    try {
      loaded.push(parsePlaybook({ document: record.document, file: record.source, locate: () => null }));
    } catch (error) {
      logger.error('a stored playbook cannot be used', {
        playbook: record.name,
        cause: toAppError(error).message,
      });
    }
  }
  return loaded;
}
