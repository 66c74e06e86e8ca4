/**
 * Policy decided by OPA, in process. Owner: the app that builds it. Boundary: a directory of Rego and JSON.
 *
 * Invariants:
 * 1. `decide` always answers with a decision; whatever goes wrong is a `deny` by `policy_unavailable`.
 * 2. The bundle in force changes as one assignment: a decision is made by one bundle, wholly.
 * 3. A bundle that does not read, compile or instantiate never comes into force; the one before stays, and
 *    with none before, everything is denied.
 * 4. An evaluator that trapped is not used again.
 * 5. What a bundle answers is checked with the `Decision` schema; an unknown constraint or field denies.
 */
import { AppError, parseInput, toAppError } from '@carapulse/kernel';
import { Decision, PolicyInput } from '@carapulse/policy';
import type { Policy } from '@carapulse/policy';
import { bundleError } from './bundle-error.ts';
import { DECISION_QUERY, loadPolicy } from './load-policy.ts';
import { readPolicyBundle } from './policy-bundle.ts';
import { GUEST_LIMITS, runGuest } from './run-guest.ts';
import type { CompiledPolicy } from './compiled-policy.ts';
import type { FiredRule } from './guest-protocol.ts';
import type { LoadedPolicy, LoadPolicyOptions } from './load-policy.ts';

export const POLICY_UNAVAILABLE = 'policy_unavailable';
const UNAVAILABLE_TTL_S = 1;
const MAX_EVALUATION_MEMORY_BYTES = 128 * 1024 * 1024;

export interface OpaPolicyOptions extends Partial<LoadPolicyOptions> {
  readonly dir: string;
  /** Told of every failure that became a denial. */
  readonly onFault?: (error: AppError) => void;
}

/** Why a decision came out as it did: the interpreter's answer and the rules whose bodies held. */
export interface Explanation {
  readonly decision: Decision;
  readonly fired: readonly FiredRule[];
}

export class OpaPolicy implements Policy {
  readonly #options: LoadPolicyOptions;
  readonly #onFault: (error: AppError) => void;
  #inForce: LoadedPolicy | null = null;
  #evaluator: CompiledPolicy | null = null;
  #firstLoad: Promise<void> | null = null;
  #loads = 0;

  constructor(options: OpaPolicyOptions) {
    this.#options = {
      dir: options.dir,
      cacheDir: options.cacheDir ?? null,
      maxMemoryBytes: options.maxMemoryBytes ?? MAX_EVALUATION_MEMORY_BYTES,
      guest: options.guest ?? GUEST_LIMITS,
    };
    this.#onFault = options.onFault ?? (() => {});
  }

  bundleDigest(): string | null {
    return this.#inForce?.digest ?? null;
  }

  /**
   * Loads the directory anew and puts it into force; the last of overlapping calls wins.
   * @returns the digest in force afterwards.
   * @throws AppError `invalid_input` (rules that don't compile, with file, row and column), `unavailable`,
   * `timeout`, `cancelled`; the bundle before stays in force then.
   */
  reload(signal: AbortSignal): Promise<string> {
    const loading = this.#load(signal);
    this.#firstLoad ??= loading.then(
      () => {},
      () => {},
    );
    return loading;
  }

  /** Decides in well under a millisecond; the first call waits for the bundle to load. Never throws. */
  async decide(input: PolicyInput, signal: AbortSignal): Promise<Decision> {
    try {
      if (this.#inForce === null) await this.#loadOnce(signal);
      return this.#evaluate(parseInput(PolicyInput, input, 'The question to policy'));
    } catch (error) {
      return this.#refuse(error);
    }
  }

  /**
   * Decides again with OPA's interpreter and tells which rules held. Takes about a second.
   * @throws AppError as `reload` does.
   */
  async explain(input: PolicyInput, signal: AbortSignal): Promise<Explanation> {
    const asked = parseInput(PolicyInput, input, 'The question to policy');
    const bundle = await readPolicyBundle(this.#options.dir, signal);
    const answer = await runGuest(
      { op: 'explain', ...bundle, query: DECISION_QUERY, inputs: [asked] },
      signal,
      this.#options.guest,
    );
    if (answer.errors !== undefined) throw bundleError(answer.errors);
    const [result] = answer.results ?? [];
    if (result?.error !== undefined) throw bundleError([result.error]);
    return { decision: asDecision(result?.value, bundle.digest), fired: result?.fired ?? [] };
  }

  async #load(signal: AbortSignal): Promise<string> {
    this.#loads += 1;
    const turn = this.#loads;
    const loaded = await loadPolicy(this.#options, signal);
    if (turn === this.#loads || this.#inForce === null) {
      this.#inForce = loaded;
      this.#evaluator = null;
    }
    return this.#inForce.digest;
  }

  /** Waits for the load that is under way, or begins the first; a failed one is not begun again. */
  async #loadOnce(signal: AbortSignal): Promise<void> {
    if (this.#firstLoad === null) {
      // Not the caller's signal: others wait for the same load.
      this.reload(new AbortController().signal).catch((error: unknown) => this.#onFault(toAppError(error)));
    }
    if (this.#firstLoad !== null) await abandonable(this.#firstLoad, signal);
  }

  #evaluate(input: PolicyInput): Decision {
    const inForce = this.#inForce;
    if (inForce === null) {
      throw new AppError(
        'unavailable',
        `No policy could be loaded from ${this.#options.dir}; \`assistantctl policy test\` tells what is wrong`,
      );
    }
    const evaluator = (this.#evaluator ??= inForce.instantiate());
    let value: unknown;
    try {
      value = evaluator.evaluate(JSON.stringify(input));
    } catch (error) {
      this.#evaluator = null;
      throw error;
    }
    return asDecision(value, inForce.digest);
  }

  #refuse(error: unknown): Decision {
    const fault = toAppError(error, 'unavailable');
    this.#onFault(fault);
    return {
      decision: 'deny',
      reasons: [{ rule: POLICY_UNAVAILABLE, message: fault.message }],
      constraints: [],
      ttl_s: UNAVAILABLE_TTL_S,
      bundle_digest: this.bundleDigest() ?? 'none',
    };
  }
}

function asDecision(value: unknown, digest: string): Decision {
  if (value === undefined) {
    throw new AppError('unavailable', `The policies do not define ${DECISION_QUERY} for this question`);
  }
  const answer = typeof value === 'object' && value !== null ? { ...value, bundle_digest: digest } : value;
  return parseInput(Decision, answer, 'The answer of policy');
}

async function abandonable(load: Promise<void>, signal: AbortSignal): Promise<void> {
  const abandoned = Promise.withResolvers<void>();
  const onAbort = () =>
    abandoned.reject(new AppError('cancelled', 'The caller stopped while policy was being loaded'));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([load, abandoned.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
