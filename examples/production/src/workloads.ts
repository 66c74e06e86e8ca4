// Owner: one production. Boundary: the two processes that serve, `checkout` and `inventory`.
// 1. Each keeps its port for life, so that its address stays true over a restart.
// 2. checkout is started again when it dies; inventory is not: its machine is gone until somebody repairs it.
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, toAppError } from '@carapulse/kernel';
import type { InventoryArguments } from './inventory.ts';
import { startOwnedChild, type OwnedChild } from './owned-child.ts';
import type { Release, ServiceArguments } from './service.ts';

export interface Workloads {
  readonly checkoutUrl: string;
  readonly inventoryUrl: string;
  /** Process ids now; 0 when the process is not running. */
  pids(): { readonly checkout: number; readonly inventory: number };
  /**
   * Hands the running service its next release.
   * @throws AppError `tool_failed` when it refuses the configuration, retryable `unavailable` when it isn't running.
   */
  deploy(release: Release, signal: AbortSignal): Promise<void>;
  killInventory(): Promise<void>;
  /** From now on inventory accepts connections and answers none. */
  stallInventory(signal: AbortSignal): Promise<void>;
  /** Inventory answers again: started if it was killed, released if it was stalled. */
  repairInventory(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

export interface WorkloadOptions {
  readonly directory: string;
  /** The first release, once it is checked out; the processes' start overlaps with that. */
  readonly release: Promise<Release>;
  readonly onLine: (source: 'checkout' | 'inventory' | 'platform', text: string) => void;
  readonly signal: AbortSignal;
}

const INVENTORY_ANSWERS_AFTER_MS = 40;
const RESTART_AFTER_MS = 200;

export async function startWorkloads(options: WorkloadOptions): Promise<Workloads> {
  const { directory, onLine, signal } = options;
  const lifetime = new AbortController();

  let inventory: OwnedChild | undefined;
  const startInventory = async (port: number, signal: AbortSignal): Promise<OwnedChild> => {
    const settings: InventoryArguments = { port, answerAfterMs: INVENTORY_ANSWERS_AFTER_MS };
    const child = await startOwnedChild({
      module: './inventory.ts',
      arguments: settings,
      directory,
      onLine: (line) => onLine('inventory', line),
      signal,
    });
    inventory = child;
    void child.exited.then(() => {
      if (inventory === child) inventory = undefined;
    });
    return child;
  };
  const startCheckout = (service: ServiceArguments, signal: AbortSignal) =>
    startOwnedChild({
      module: './service.ts',
      arguments: service,
      directory,
      onLine: (line) => onLine('checkout', line),
      signal,
    });

  const { port: inventoryPort } = await startInventory(0, signal);
  const inventoryUrl = `http://127.0.0.1:${inventoryPort}`;
  let release: Release;
  let checkout: OwnedChild | undefined;
  let checkoutPort: number;
  try {
    release = await options.release;
    checkout = await startCheckout({ port: 0, inventoryUrl, release }, signal);
    checkoutPort = checkout.port;
  } catch (error) {
    await inventory?.stop();
    throw error;
  }

  const keepCheckoutRunning = async (): Promise<void> => {
    while (!lifetime.signal.aborted) {
      const how = await checkout?.exited;
      checkout = undefined;
      if (lifetime.signal.aborted) return;
      onLine('platform', `checkout ${how ?? 'is not running'}; starting it again`);
      try {
        await delay(RESTART_AFTER_MS, undefined, { signal: lifetime.signal });
        checkout = await startCheckout({ port: checkoutPort, inventoryUrl, release }, lifetime.signal);
      } catch (error) {
        if (!lifetime.signal.aborted) onLine('platform', toAppError(error).message);
      }
    }
  };
  const kept = keepCheckoutRunning();

  return {
    checkoutUrl: `http://127.0.0.1:${checkoutPort}`,
    inventoryUrl,
    pids: () => ({ checkout: checkout?.pid ?? 0, inventory: inventory?.pid ?? 0 }),
    async deploy(next, signal) {
      if (checkout === undefined) {
        throw new AppError('unavailable', 'checkout is not running', { retryable: true });
      }
      await checkout.request('deploy', next, signal);
      release = next;
    },
    async killInventory() {
      await inventory?.kill();
    },
    async stallInventory(signal) {
      await inventory?.request('stall', null, signal);
    },
    async repairInventory(signal) {
      if (inventory === undefined) await startInventory(inventoryPort, signal);
      else await inventory.request('release', null, signal);
    },
    async stop() {
      lifetime.abort();
      await Promise.all([checkout?.stop(), inventory?.stop()]);
      await kept;
      await checkout?.stop();
    },
  };
}
