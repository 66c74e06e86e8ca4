import { z } from 'zod';
import { readApplication } from './argocd-api.ts';
import { address, argocdRead, shownAddress } from './argocd-read.ts';

const Input = z.strictObject(address);
const Output = z.strictObject({
  ...shownAddress,
  empty: z.boolean(),
  /** Newest first. */
  deployments: z.array(
    z.strictObject({
      id: z.int(),
      revision: z.string(),
      started_at: z.string().nullable(),
      deployed_at: z.string(),
      /** Who asked for it; null when Argo CD did by itself. */
      by: z.string().nullable(),
    }),
  ),
});

export const appHistory = argocdRead<z.infer<typeof Input>, z.infer<typeof Output>>({
  name: 'app_history',
  description: 'What an application was synced to, newest first',
  input: Input,
  output: Output,
  run: async (input, { api, instance }) => {
    const { status } = await readApplication(api, instance, input);
    const deployments = (status.history ?? []).toReversed().map((each) => ({
      id: each.id,
      revision: each.revision,
      started_at: each.deployStartedAt ?? null,
      deployed_at: each.deployedAt,
      by: each.initiatedBy.automated ? null : each.initiatedBy.username,
    }));
    return { ...input, empty: deployments.length === 0, deployments };
  },
  words: () => ['history'],
});
