import { AppError } from '@carapulse/kernel';
import { readPolicyBundle } from './policy-bundle.ts';
import { GUEST_LIMITS, runGuest } from './run-guest.ts';
import type { BundleFault, PolicyTestReport } from './guest-protocol.ts';

/** Either the bundle does not compile, or its `test_` rules ran. */
export type PolicyTestRun =
  | { readonly kind: 'broken'; readonly faults: readonly BundleFault[] }
  | {
      readonly kind: 'ran';
      /** True when every test passed and there was one. */
      readonly passed: boolean;
      readonly results: PolicyTestReport['results'];
      readonly coverage: PolicyTestReport['coverage'];
      /** Share of the rules' lines that tests reached, in per mille, rounded down. */
      readonly coveredPerMille: number;
    };

/**
 * Runs the `test_` rules below `dir` with OPA's own runner, under the same capabilities as decisions.
 * `filter` is a regular expression (RE2) over `package.test_name`; empty runs all.
 * @throws AppError `unavailable`, `timeout`, `cancelled`.
 */
export async function testPolicies(
  dir: string,
  signal: AbortSignal,
  options: { readonly filter?: string } = {},
): Promise<PolicyTestRun> {
  const bundle = await readPolicyBundle(dir, signal);
  const answer = await runGuest(
    { op: 'test', ...bundle, filter: options.filter ?? '' },
    signal,
    GUEST_LIMITS,
  );
  if (answer.errors !== undefined) return { kind: 'broken', faults: answer.errors };
  if (answer.tests === undefined) throw new AppError('unavailable', 'The policy tests gave no report');
  const { results, coverage } = answer.tests;
  const covered = coverage.reduce((sum, file) => sum + file.covered, 0);
  const all = coverage.reduce((sum, file) => sum + file.covered + file.not_covered, 0);
  return {
    kind: 'ran',
    passed: results.length > 0 && results.every((result) => result.outcome === 'passed'),
    results,
    coverage,
    coveredPerMille: all === 0 ? 0 : Math.floor((covered * 1000) / all),
  };
}
