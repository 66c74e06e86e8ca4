import { z } from 'zod';

/** What native/policy-opa is asked; its Go twin is `Request`. */
export interface GuestRequest {
  readonly op: 'check' | 'compile' | 'eval' | 'explain' | 'test';
  readonly modules: readonly { readonly path: string; readonly source: string }[];
  readonly data: unknown;
  readonly query?: string;
  readonly inputs?: readonly unknown[];
  readonly filter?: string;
}

/** A fault in a bundle and its place there; `row` and `col` count from 1. */
export const BundleFault = z.object({
  code: z.string(),
  message: z.string(),
  file: z.string().optional(),
  row: z.int().optional(),
  col: z.int().optional(),
});
export type BundleFault = z.infer<typeof BundleFault>;

/** A rule whose body held for an input. */
export const FiredRule = z.object({ rule: z.string(), file: z.string(), row: z.int() });
export type FiredRule = z.infer<typeof FiredRule>;

/** Outcome of the `test_` rules and what they reached. `gaps` are ranges of rows, both ends included. */
export const PolicyTestReport = z.object({
  results: z.array(
    z.object({
      name: z.string(),
      package: z.string(),
      file: z.string(),
      row: z.int(),
      outcome: z.enum(['passed', 'failed', 'error', 'skipped']),
      message: z.string().optional(),
      duration_us: z.int(),
    }),
  ),
  coverage: z.array(
    z.object({
      file: z.string(),
      covered: z.int(),
      not_covered: z.int(),
      gaps: z.array(z.tuple([z.int(), z.int()])),
    }),
  ),
});
export type PolicyTestReport = z.infer<typeof PolicyTestReport>;

export const GuestResponse = z.object({
  errors: z.array(BundleFault).optional(),
  wasm: z.base64().optional(),
  results: z
    .array(
      z.object({
        defined: z.boolean(),
        value: z.unknown(),
        error: BundleFault.optional(),
        fired: z.array(FiredRule).optional(),
      }),
    )
    .optional(),
  tests: PolicyTestReport.optional(),
});
export type GuestResponse = z.infer<typeof GuestResponse>;
