import { z } from 'zod';

/** What a forge's own checks say of a commit; `none`: nothing has run, which is neither good nor bad. */
export const CheckState = z.enum(['none', 'pending', 'success', 'failure']);
export type CheckState = z.infer<typeof CheckState>;

/** The state, and whether the checks passed: absent where there are none, so that a check of it is inconclusive. */
export function checkState(state: CheckState): { readonly state: CheckState; readonly passed?: boolean } {
  return state === 'none' ? { state } : { state, passed: state === 'success' };
}
