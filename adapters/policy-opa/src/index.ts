export { formatFault } from './bundle-error.ts';
export type { BundleFault, FiredRule, PolicyTestReport } from './guest-protocol.ts';
export { OpaPolicy, POLICY_UNAVAILABLE } from './opa-policy.ts';
export type { Explanation, OpaPolicyOptions } from './opa-policy.ts';
export { testPolicies } from './test-policies.ts';
export type { PolicyTestRun } from './test-policies.ts';
