import { AppError } from '@carapulse/kernel';
import type { AlertReceiver } from './alert-sender.ts';
import type { Production } from './production.ts';
import type { ServiceState } from './prober.ts';

/** What a handle in another process may ask for, and the body that each verb takes. */
export interface ControlBodies {
  'set-alert-receiver': { readonly receiver: AlertReceiver | null };
  'push-bad-commit': null;
  'push-innocent-commits': null;
  'break-outside-git': null;
  'hide-second-fault': null;
  'repair-outside-git': null;
  'wait-until': { readonly state: Exclude<ServiceState, 'unknown'>; readonly revision?: string };
  pids: null;
  stop: null;
}

export type ControlVerb = keyof ControlBodies;

type Runner<Verb extends ControlVerb> = (
  production: Production,
  body: ControlBodies[Verb],
  signal: AbortSignal,
) => Promise<unknown>;

const RUNNERS: { readonly [Verb in ControlVerb]: Runner<Verb> } = {
  'set-alert-receiver': (production, { receiver }, signal) => production.setAlertReceiver(receiver, signal),
  'push-bad-commit': (production, _, signal) => production.pushBadCommit(signal),
  'push-innocent-commits': (production, _, signal) => production.pushInnocentCommits(signal),
  'break-outside-git': (production, _, signal) => production.breakOutsideGit(signal),
  'hide-second-fault': (production, _, signal) => production.hideSecondFault(signal),
  'repair-outside-git': (production, _, signal) => production.repairOutsideGit(signal),
  'wait-until': (production, { state, revision }, signal) =>
    production.waitUntil(state, signal, revision === undefined ? {} : { revision }),
  pids: (production, _, signal) => production.pids(signal),
  // Stopping ends the server that answers this: begin once the answer is on its way.
  stop: async (production) => {
    setImmediate(() => void production.stop());
  },
};

/** @throws AppError `not_found` for an unknown verb, else what the production throws. */
export async function runControlVerb(
  production: Production,
  verb: string,
  body: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  if (!Object.hasOwn(RUNNERS, verb)) throw new AppError('not_found', `There is no control verb ${verb}`);
  const run = RUNNERS[verb as ControlVerb] as Runner<ControlVerb>; // the body comes from our own handle, by verb
  return run(production, body as never, signal);
}
