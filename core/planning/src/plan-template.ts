import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { DurationMs } from './duration.ts';
import { Condition, identifier, PlaybookCheck, PlaybookRead, PlaybookStep, sentence } from './playbook.ts';
import { schemaFaults } from './schema-faults.ts';
import { templateFaults } from './template-faults.ts';

/**
 * What a plan is made from, once all values that a person, an alert or a program gives are known: a playbook after its
 * parameters are bound, or what a named workflow drafts. References may name these parameters and what is read.
 */
export const PlanTemplate = z.strictObject({
  summary: sentence,
  /** Known values, to be referred to and shown by name. */
  parameters: z.record(identifier, z.union([z.string(), z.number(), z.boolean()])).default({}),
  reads: z.array(PlaybookRead).max(20).default([]),
  conditions: z.array(Condition).default([]),
  steps: z.array(PlaybookStep).min(1).max(200),
  checks: z.array(PlaybookCheck).max(50).default([]),
  expires_in: DurationMs.prefault('1h'),
  max_run: DurationMs.prefault('15m'),
});
export type PlanTemplate = z.infer<typeof PlanTemplate>;
/** A template as it is written: durations as texts, what has a default left out. */
export type PlanTemplateSource = z.input<typeof PlanTemplate>;

/** @throws AppError `internal` naming the place: a template is written by a program, which had a mistake. */
export function parseTemplate(source: PlanTemplateSource, what: string): PlanTemplate {
  const parsed = PlanTemplate.safeParse(source);
  const faults = parsed.success
    ? templateFaults(parsed.data, (name) => typeOf(parsed.data.parameters[name]))
    : schemaFaults(parsed.error);
  if (parsed.success && faults.length === 0) return parsed.data;
  const [first] = faults;
  throw new AppError(
    'internal',
    `${what} drafts no valid plan: ${first?.pointer || '/'}: ${first?.detail ?? ''}`,
    { errors: faults.map(({ pointer, detail }) => ({ pointer, detail })) },
  );
}

function typeOf(value: string | number | boolean | undefined): 'integer' | 'other' | null {
  if (value === undefined) return null;
  return Number.isInteger(value) ? 'integer' : 'other';
}
