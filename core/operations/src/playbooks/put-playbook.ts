import { JsonObject, toTimestamp } from '@carapulse/kernel';
import { parsePlaybook } from '@carapulse/planning';
import { z } from 'zod';
import type { WriteOperation } from '../operation.ts';
import type { PlaybookRecord } from '../ports/index.ts';

const Input = z.strictObject({
  /** Named in errors and shown as where it came from, e.g. a path in Git. */
  source: z.string().min(1).max(200),
  yaml: z.string().min(1).max(200_000),
});

/** Adds a playbook or replaces the one of its name. @throws AppError `invalid_input` with file, line and column. */
export const putPlaybook: WriteOperation<z.infer<typeof Input>, PlaybookRecord> = {
  kind: 'write',
  name: 'put-playbook',
  permission: 'playbook.write',
  auditAction: 'playbook.put',
  input: Input,
  run: async ({ actor, services }, { source, yaml }, commit) => {
    const { value, locate } = services.documents.parse(yaml, source);
    const loaded = parsePlaybook({ document: value, file: source, locate });
    const record: PlaybookRecord = {
      name: loaded.playbook.name,
      tenant_id: actor.tenant_id,
      digest: loaded.digest,
      source,
      document: JsonObject.parse(value),
      enabled: true,
      updated_at: toTimestamp(services.clock.nowMs()),
    };
    return commit(async (tx) => {
      await tx.upsertPlaybook(record);
      return {
        result: record,
        audit: {
          action: 'playbook.put',
          phase: 'event',
          subject: { kind: 'playbook', id: record.name },
          outcome: { result: 'ok' },
          details: { digest: record.digest, source },
        },
        events: [],
      };
    });
  },
};
