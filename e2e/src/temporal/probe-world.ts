import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startTemporal, type Temporal } from '@carapulse/example-testbed';
import type { DurableEngine } from '@carapulse/workflows';
import { expect } from 'vitest';
import { bundleProbes, openProbe, type ProbeBundles, type ProbeTuning } from './open-probe.ts';

const NAMESPACE = 'default';

/** A Temporal server that can be frozen, killed and started again, and what the probe's activities did. */
export class ProbeWorld {
  /** `run/key/attempt#epoch` of each time that an activity was begun. */
  readonly ran: string[] = [];
  readonly #root: string;
  readonly #bundles: ProbeBundles;
  readonly #gates = new Map<string, Promise<void>>();
  readonly #engines: DurableEngine[] = [];
  #temporal: Temporal;

  private constructor(root: string, bundles: ProbeBundles, temporal: Temporal) {
    this.#root = root;
    this.#bundles = bundles;
    this.#temporal = temporal;
  }

  static async open(): Promise<ProbeWorld> {
    const root = await mkdtemp(join(tmpdir(), 'carapulse-probe-'));
    const temporal = await startTemporal({ directory: root, signal: AbortSignal.timeout(60_000) });
    return new ProbeWorld(root, await bundleProbes(), temporal);
  }

  get address(): string {
    return this.#temporal.address;
  }

  /** An engine that hasn't recovered yet; its histories are short ones if so wanted. */
  async engine(
    { short = false, ...tuning }: ProbeTuning & { short?: boolean } = {},
    address = this.address,
  ): Promise<DurableEngine> {
    const work = async (_: unknown, { key, epoch }: { key: string; epoch: number }) => {
      this.ran.push(`${key}#${epoch}`);
      await this.#gates.get(key);
      return {};
    };
    const tuned = { missedAfterMs: 2000, callMs: 2000, ...tuning };
    const engine = await openProbe(
      `${address} ${NAMESPACE}`,
      this.#bundles,
      work,
      short ? { short } : {},
      tuned,
    );
    this.#engines.push(engine);
    return engine;
  }

  /** Whoever begins this activity waits until the gate is opened. */
  hold(key: string): () => void {
    const gate = Promise.withResolvers<void>();
    this.#gates.set(key, gate.promise);
    return gate.resolve;
  }

  async begun(visit: string): Promise<void> {
    await expect.poll(() => this.ran.includes(visit), { timeout: 30_000, interval: 10 }).toBe(true);
  }

  freeze(): void {
    process.kill(this.#temporal.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.#temporal.pid, 'SIGCONT');
  }

  async kill(): Promise<void> {
    process.kill(this.#temporal.pid, 'SIGKILL');
    await this.#temporal.ended;
  }

  /** Starts it again where it was, with what it had. */
  async revive(): Promise<void> {
    const port = Number(this.address.split(':')[1]);
    const signal = AbortSignal.timeout(60_000);
    this.#temporal = await startTemporal({ directory: this.#root, signal, port });
  }

  /** Temporal's own command line, as somebody else would use it; what it says, also when it fails. */
  async cli(...args: readonly string[]): Promise<string> {
    const { binary, address } = this.#temporal;
    const run = promisify(execFile)(binary, [...args, '--address', address, '-n', NAMESPACE], {
      env: { HOME: this.#root },
    });
    return run.then(
      ({ stdout }) => stdout,
      ({ stderr }: { stderr: string }) => stderr,
    );
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#engines.map((engine) => engine.close(0)));
    await this.#temporal.stop();
    await rm(this.#root, { recursive: true, force: true });
  }
}
