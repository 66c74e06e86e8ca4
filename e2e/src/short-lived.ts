/**
 * How Node starts a process that a test ends after seconds. WebAssembly stays as it is compiled first: the optimised
 * code of a database and a policy engine costs more than such a process wins by it.
 */
export const SHORT_LIVED: readonly string[] = ['--liftoff-only', '--disable-warning=ExperimentalWarning'];
