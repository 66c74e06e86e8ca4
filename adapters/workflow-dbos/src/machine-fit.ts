import type { Logger } from '@carapulse/kernel';
import type { Machine } from '@carapulse/workflows';
import type { DbosRun, RunInput } from './dbos-runs.ts';
import { whyEnded } from './dbos-runs.ts';

/** Which runs this process's machines can replay, and what people are told of one that no process can. */
export class MachineFit {
  readonly #machines: ReadonlyMap<string, Machine<unknown>>;
  readonly #logger: Logger | undefined;
  readonly #elsewhere: () => Promise<ReadonlySet<string>>;
  readonly #told = new Set<string>();

  /** `elsewhere` says what all living processes can drive. */
  constructor(
    machines: readonly Machine<unknown>[],
    logger: Logger | undefined,
    elsewhere: () => Promise<ReadonlySet<string>>,
  ) {
    this.#machines = new Map(machines.map((machine) => [machine.name, machine]));
    this.#logger = logger;
    this.#elsewhere = elsewhere;
  }

  machine(name: string): Machine<unknown> | undefined {
    return this.#machines.get(name);
  }

  canDrive({ machine, version, patches = [] }: RunInput): boolean {
    const known = this.#machines.get(machine);
    return known?.version === version && patches.every((id) => known.patches?.includes(id));
  }

  /** Null when the run goes on: driven, or by some living process as soon as that takes it. */
  async whyStuck(run: DbosRun): Promise<string | null> {
    const ended = whyEnded(run);
    if (ended !== null) return ended;
    if (run.input === null) return `Run ${run.runId} has lost its input.`;
    const { machine, version, patches = [] } = run.input;
    if (this.canDrive(run.input)) return null;
    const elsewhere = await this.#elsewhere();
    const needs = drivable({ name: machine, version, patches });
    if (needs.every((need) => elsewhere.has(need))) return null;
    const known = this.#machines.get(machine);
    const missing = patches.filter((id) => !known?.patches?.includes(id));
    const have =
      known === undefined
        ? 'has no such machine'
        : known.version === version
          ? `lacks its patch ${missing.join(', ')}`
          : `has version ${known.version}`;
    return `Run ${run.runId} needs machine ${machine} version ${version}; this build ${have}, and no running process has it. Finish it with the build that began it.`;
  }

  /** In the log, once for as long as it stays so. */
  tellStuck(runId: string, reason: string): void {
    if (this.#told.has(runId)) return;
    this.#told.add(runId);
    this.#logger?.error('A run cannot go on', { run_id: runId, reason });
  }

  goesOn(runId: string): void {
    this.#told.delete(runId);
  }
}

/**
 * How a machine is named among those that a process can drive: `name@version`, and `name@version+patch` for each patch
 * that it has.
 */
export function drivable({
  name,
  version,
  patches = [],
}: Pick<Machine<unknown>, 'name' | 'version' | 'patches'>): readonly string[] {
  return [`${name}@${version}`, ...patches.map((patch) => `${name}@${version}+${patch}`)];
}
