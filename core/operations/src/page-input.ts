import { z } from 'zod';

/** Bounds of every list. `after` is the cursor a former page gave, already decoded by the transport. */
export const PageInput = {
  limit: z.int().min(1).max(200).default(50),
  after: z.string().max(500).nullable().default(null),
};
