import type { Assistant } from './assistant.ts';

/** Something that is struck while a run is under way, and comes back. */
export interface Fault {
  /** Strikes at the `at`-th durable write from now on; null only counts. */
  arm(assistant: Assistant, at: number | null): Promise<void>;
  /** Durable writes since `arm`. */
  writes(assistant: Assistant): Promise<number>;
  /** Resolves once it was struck. */
  strikes(assistant: Assistant): Promise<void>;
  /** Whether it was struck. A run that has ended is not struck any more. */
  struck(assistant: Assistant, ended: boolean): Promise<boolean>;
  /** @returns the process that carries on, once it is ready. */
  comeBack(assistant: Assistant): Promise<Assistant>;
}

/** SIGKILL of Carapulse inside its own durable write; it is started again. */
export function processKill(restart: () => Promise<Assistant>): Fault {
  const disarmed = (assistant: Assistant): Promise<boolean> => {
    const ended = assistant.ended.then(() => false);
    return Promise.race([
      ended,
      assistant.arm(null).then(
        () => true,
        () => ended,
      ),
    ]);
  };
  return {
    arm: (assistant, at) => assistant.arm(at),
    writes: (assistant) => assistant.writes(),
    strikes: async (assistant) => void (await assistant.ended),
    struck: async (assistant, ended) => {
      if (ended && (await disarmed(assistant))) return false;
      const signal = await assistant.ended;
      if (signal !== 'SIGKILL')
        throw new Error(`The process ended by ${signal ?? 'itself'}, not by our SIGKILL.`);
      return true;
    },
    comeBack: restart,
  };
}
