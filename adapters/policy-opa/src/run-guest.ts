import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { AppError, toAppError } from '@carapulse/kernel';
import { engineModule } from './engine-module.ts';
import { GuestResponse } from './guest-protocol.ts';
import type { GuestRequest } from './guest-protocol.ts';

/** Where the artefact lies, without its suffixes `.br` and `.sha256.json`. */
export const OPA_ARTIFACT = fileURLToPath(
  new URL('../../../native/artifacts/policy-opa.wasm', import.meta.url),
);

export interface GuestLimits {
  readonly artifact: string;
  readonly maxMemoryBytes: number;
  readonly timeoutMs: number;
}

export const GUEST_LIMITS: GuestLimits = {
  artifact: OPA_ARTIFACT,
  maxMemoryBytes: 512 * 1024 * 1024,
  timeoutMs: 60_000,
};

/**
 * Runs OPA once, in a thread of its own: a large bundle does not stop the event loop, the thread's end frees
 * what OPA took, and a bundle that does not come to an end is cut off.
 * @throws AppError `cancelled` (signal), `timeout`, or `unavailable` when OPA cannot be started or stopped early.
 */
export async function runGuest(
  request: GuestRequest,
  signal: AbortSignal,
  limits: GuestLimits = GUEST_LIMITS,
): Promise<GuestResponse> {
  const module = await engineModule(limits.artifact, limits.maxMemoryBytes);
  if (signal.aborted) {
    throw new AppError('cancelled', 'The policy engine was not started: the caller has stopped');
  }
  return inThread(module, request, signal, limits);
}

function inThread(
  module: WebAssembly.Module,
  request: GuestRequest,
  signal: AbortSignal,
  limits: GuestLimits,
): Promise<GuestResponse> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./guest-worker.ts', import.meta.url), {
      workerData: { module, request: JSON.stringify(request) },
      execArgv: [],
      env: {},
    });
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      settle();
      void worker.terminate();
    };
    const onAbort = () =>
      finish(() => reject(new AppError('cancelled', 'The policy engine was stopped by its caller')));
    const timer = setTimeout(() => {
      const seconds = limits.timeoutMs / 1000;
      finish(() =>
        reject(new AppError('timeout', `The policy engine did not finish \`${request.op}\` in ${seconds} s`)),
      );
    }, limits.timeoutMs);
    signal.addEventListener('abort', onAbort, { once: true });
    worker.once('message', (text: string) => {
      finish(() => {
        try {
          resolve(GuestResponse.parse(JSON.parse(text)));
        } catch (error) {
          reject(toAppError(error, 'unavailable'));
        }
      });
    });
    worker.once('error', (error) => finish(() => reject(toAppError(error, 'unavailable'))));
    worker.once('exit', () =>
      finish(() => reject(new AppError('unavailable', 'The policy engine ended without an answer'))),
    );
  });
}
