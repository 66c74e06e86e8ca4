import { toAppError } from '@carapulse/kernel';

/** One part of a service's readiness. */
export interface Readiness {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Ready when `work` comes to its end. */
export async function checkReadiness(
  name: string,
  work: () => Promise<unknown>,
  detail = 'answers',
): Promise<Readiness> {
  try {
    await work();
    return { name, ok: true, detail };
  } catch (error) {
    return { name, ok: false, detail: toAppError(error).message };
  }
}
