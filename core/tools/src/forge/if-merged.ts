import { z } from 'zod';

/** Whether a request that is merged can't be closed any more, or has nothing left to close. */
export const IfMerged = z.enum(['fail', 'leave']).default('fail');
