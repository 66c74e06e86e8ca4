import { AppError, ContextRef, idSchema } from '@carapulse/kernel';
import { z } from 'zod';

export const IncidentStatus = z.enum([
  'open',
  'investigating',
  'identified',
  'mitigating',
  'resolved',
  'closed',
]);
export type IncidentStatus = z.infer<typeof IncidentStatus>;

/** `resolved`: every alert has resolved. `closed`: a person said so; it never opens again. */
export const INCIDENT_TRANSITIONS: Readonly<Record<IncidentStatus, readonly IncidentStatus[]>> = {
  open: ['investigating', 'identified', 'mitigating', 'resolved', 'closed'],
  investigating: ['open', 'identified', 'mitigating', 'resolved', 'closed'],
  identified: ['open', 'investigating', 'mitigating', 'resolved', 'closed'],
  mitigating: ['open', 'investigating', 'identified', 'resolved', 'closed'],
  resolved: ['open', 'closed'],
  closed: [],
};

/** @throws AppError `forbidden_transition` naming both ends. */
export function assertIncidentTransition(from: IncidentStatus, to: IncidentStatus): void {
  if (INCIDENT_TRANSITIONS[from].includes(to)) return;
  throw new AppError('forbidden_transition', `An incident that is ${from} cannot become ${to}.`, {
    details: { from, to },
  });
}

/** Alerts that belong together; opened by the first, resolved with the last. */
export const Incident = z.strictObject({
  incident_id: idSchema('incident'),
  tenant_id: z.string(),
  status: IncidentStatus,
  title: z.string().max(500),
  severity: z.enum(['critical', 'warning', 'info', 'unknown']),
  service: z.string().max(253).nullable(),
  context: ContextRef,
  /** Alerts with the same key join the incident while it is not closed; one open incident a key. */
  group_key: z.string().max(1000),
  opened_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
  resolved_at: z.iso.datetime().nullable(),
  revision: z.int().positive(),
});
export type Incident = z.infer<typeof Incident>;

/** What an analyzer concluded: a named cause with its object, or a hypothesis it ruled out. */
export const Finding = z.strictObject({
  analyzer: z.string().min(1),
  /** Kind of the cause, e.g. `bad_change`; playbooks match on it. */
  cause: z.string().min(1).max(100),
  statement: z.string().min(1).max(2000),
  object: z.strictObject({ kind: z.string().min(1), id: z.string().min(1) }),
  /** `certain` needs a direct observation of cause and effect, `likely` one of two, `possible` a correlation. */
  confidence: z.enum(['certain', 'likely', 'possible']),
  evidence_ids: z.array(z.string()),
  /** Typed values a playbook may bind, by name. */
  values: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
export type Finding = z.infer<typeof Finding>;

export const Exclusion = z.strictObject({
  analyzer: z.string().min(1),
  hypothesis: z.string().min(1).max(1000),
  reason: z.string().min(1).max(2000),
  evidence_ids: z.array(z.string()),
});
export type Exclusion = z.infer<typeof Exclusion>;

/** One look into an incident. The first starts by itself. */
export const Investigation = z.strictObject({
  investigation_id: idSchema('investigation'),
  incident_id: idSchema('incident'),
  tenant_id: z.string(),
  status: z.enum(['queued', 'running', 'concluded', 'abstained', 'failed']),
  /** Ranked, strongest first; empty when it abstained. */
  findings: z.array(Finding),
  excluded: z.array(Exclusion),
  /** Evidence that was wanted and could not be had, with the reason. */
  missing: z.array(z.strictObject({ what: z.string(), reason: z.string() })),
  matched: z.array(
    z.strictObject({ playbook: z.string(), matched: z.boolean(), because: z.array(z.string()) }),
  ),
  plan_id: z.string().nullable(),
  conclusion: z.string().max(4000),
  queued_at: z.iso.datetime(),
  started_at: z.iso.datetime().nullable(),
  ended_at: z.iso.datetime().nullable(),
});
export type Investigation = z.infer<typeof Investigation>;
