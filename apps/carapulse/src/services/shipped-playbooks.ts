import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invoke, putPlaybook, type Services } from '@carapulse/operations';
import { newId } from '@carapulse/kernel';

/**
 * Puts the playbooks of a directory into the store, as they are in its files now; unchanged ones are left alone.
 * @throws AppError `invalid_input` with file, line and column: a broken playbook is not skipped silently.
 */
export async function loadShippedPlaybooks(services: Services, directory: string): Promise<void> {
  const { tenantId } = services.settings;
  const known = new Map((await services.store.read.playbooks(tenantId)).map((each) => [each.source, each]));
  const names = (await readdir(directory)).filter((name) => /\.ya?ml$/.test(name)).toSorted();
  for (const name of names) {
    const yaml = await readFile(join(directory, name), 'utf8');
    const { value } = services.documents.parse(yaml, name);
    const before = known.get(name);
    if (before !== undefined && JSON.stringify(before.document) === JSON.stringify(value)) continue;
    const actor = {
      id: 'service:installation',
      kind: 'service' as const,
      tenant_id: tenantId,
      roles: ['admin' as const],
      groups: [],
      assurance: 'service' as const,
    };
    const requestId = newId('request', services.clock, services.random);
    await invoke(
      putPlaybook,
      { actor, requestId, signal: new AbortController().signal, services },
      { source: name, yaml },
    );
  }
}
