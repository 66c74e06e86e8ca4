import { diagnose, Evidence, ServiceProfile, type Diagnosis } from '@carapulse/diagnosis';
import {
  correlateAlerts,
  Finding,
  groupAlerts,
  IncidentSettings,
  parseAlertmanagerWebhook,
  type Alert,
  type Incident,
} from '@carapulse/incident';
import { AppError, canonicalHash, canonicalJson, JsonObject, JsonValue, toAppError } from '@carapulse/kernel';
import { RiskLevel } from '@carapulse/policy';
import type { PlanDraft } from '@carapulse/plan';
import { z } from 'zod';
import { matchPlaybooks } from './match-playbooks.ts';
import type { LoadedPlaybook } from './parse-playbook.ts';
import { planFromPlaybook } from './plan-from-playbook.ts';
import type { ToolCatalogue } from './ports.ts';

/** A recorded alert, what was seen and read then, and what must come of it. */
export const PlaybookCase = z.strictObject({
  format: z.literal(1),
  name: z.string().min(1).max(200),
  playbook: z.string().min(1),
  now: z.iso.datetime(),
  /** The body that Alertmanager posted; its first incident counts. */
  alert: JsonObject,
  profile: ServiceProfile,
  /** Either what was seen, to be diagnosed, or the findings themselves. */
  evidence: z
    .array(
      z.strictObject({ kind: Evidence.shape.kind, target: z.string().default('recorded'), data: JsonValue }),
    )
    .default([]),
  findings: z.array(Finding).default([]),
  /** Answers of the reads made while planning, by exact input. */
  reads: z
    .array(z.strictObject({ tool: z.string(), action: z.string(), input: JsonObject, output: JsonValue }))
    .default([]),
  expect: z.strictObject({
    outcome: z.enum(['planned', 'not_planned', 'not_matched']),
    /** Each must be part of one of the reasons. */
    because: z.array(z.string().min(1)).default([]),
    summary: z.string().optional(),
    risk: RiskLevel.optional(),
    /** The writes of the plan, in order; inputs hold at least these members. */
    writes: z
      .array(z.strictObject({ tool: z.string(), action: z.string(), input: JsonObject.default({}) }))
      .optional(),
  }),
});
export type PlaybookCase = z.infer<typeof PlaybookCase>;

export interface PlaybookTestResult {
  readonly name: string;
  readonly passed: boolean;
  readonly outcome: PlaybookCase['expect']['outcome'];
  readonly because: readonly string[];
  /** What differs from what was expected; empty when it passed. */
  readonly failures: readonly string[];
  readonly draft: PlanDraft | null;
}

const TENANT = 'recorded';
const id = (prefix: string, digit: number): string => `${prefix}_${String(digit).padStart(26, '0')}`;

/**
 * Runs one playbook against a recorded case: alert → incident → diagnosis → match → plan. Nothing is called; a read
 * that the case does not hold fails the test and says which.
 * @throws AppError `invalid_input` when the case holds no usable alert or is for another playbook.
 */
export async function testPlaybook(
  loaded: LoadedPlaybook,
  recorded: PlaybookCase,
  catalogue: ToolCatalogue,
  signal: AbortSignal,
): Promise<PlaybookTestResult> {
  if (recorded.playbook !== loaded.playbook.name) {
    throw new AppError(
      'invalid_input',
      `Case ${recorded.name} is for ${recorded.playbook}, not ${loaded.playbook.name}.`,
    );
  }
  const { incident, alerts } = openIncident(recorded);
  const diagnosis = diagnosisOf(recorded, incident, alerts);
  const { outcome, because, draft } = await run(loaded, recorded, catalogue, signal, {
    incident,
    alerts,
    diagnosis,
  });
  const failures = differences(recorded.expect, outcome, because, draft);
  return { name: recorded.name, passed: failures.length === 0, outcome, because, failures, draft };
}

interface Opened {
  readonly incident: Incident;
  readonly alerts: readonly Alert[];
}

function openIncident(recorded: PlaybookCase): Opened {
  const settings = IncidentSettings.parse({});
  let counter = 0;
  const next = (prefix: string) => () => id(prefix, (counter += 1));
  const [opened] = correlateAlerts({
    tenantId: TENANT,
    groups: groupAlerts(parseAlertmanagerWebhook(recorded.alert).alerts, settings, TENANT),
    open: new Map(),
    receivedAt: recorded.now,
    flapWindowMs: settings.flap_window_ms,
    newIncidentId: next('inc'),
    newAlertId: next('al'),
  });
  if (opened?.incident) return { incident: opened.incident, alerts: opened.alerts };
  throw new AppError('invalid_input', `Case ${recorded.name} holds no firing alert.`);
}

function diagnosisOf(recorded: PlaybookCase, incident: Incident, alerts: readonly Alert[]): Diagnosis {
  const evidence = recorded.evidence.map(({ kind, target, data }, index) => ({
    evidence_id: id('ev', index + 1),
    kind,
    source: { tool: 'recorded', action: kind, target },
    collected_at: recorded.now,
    data,
    digest: canonicalHash(data),
  }));
  const found = diagnose({ incident, alerts, profile: recorded.profile, evidence, missing: [] });
  return { ...found, findings: [...recorded.findings, ...found.findings] };
}

type Run = Pick<PlaybookTestResult, 'outcome' | 'because' | 'draft'>;

async function run(
  loaded: LoadedPlaybook,
  recorded: PlaybookCase,
  catalogue: ToolCatalogue,
  signal: AbortSignal,
  opened: Opened & { readonly diagnosis: Diagnosis },
): Promise<Run> {
  const { profile, now } = recorded;
  const [match] = matchPlaybooks({ ...opened, playbooks: [loaded], profile });
  if (match === undefined || !match.matched) {
    return { outcome: 'not_matched', because: match?.because ?? [], draft: null };
  }
  try {
    const planned = await planFromPlaybook(
      {
        ...opened,
        match,
        profile,
        now,
        catalogue,
        planId: id('pl', 1),
        createdBy: 'service:playbook-test',
        trigger: { kind: 'alert', ref: opened.alerts[0]?.alert_id ?? null },
        context: opened.incident.context,
        readTool: (call) => Promise.resolve().then(() => recordedAnswer(recorded, call)),
      },
      signal,
    );
    return planned.kind === 'planned'
      ? { outcome: 'planned', because: match.because, draft: planned.draft }
      : { outcome: 'not_planned', because: planned.because, draft: null };
  } catch (error) {
    if (signal.aborted) throw error;
    return { outcome: 'not_planned', because: [toAppError(error).message], draft: null };
  }
}

function recordedAnswer(
  recorded: PlaybookCase,
  call: { readonly tool: string; readonly action: string; readonly input: JsonObject },
): JsonValue {
  const answer = recorded.reads.find(
    (read) =>
      read.tool === call.tool &&
      read.action === call.action &&
      canonicalJson(read.input) === canonicalJson(call.input),
  );
  if (answer !== undefined) return answer.output;
  throw new AppError(
    'not_found',
    `case ${recorded.name} holds no answer to ${call.tool}.${call.action} with ${canonicalJson(call.input)}; record one under \`reads\`.`,
  );
}

function differences(
  wanted: PlaybookCase['expect'],
  outcome: PlaybookTestResult['outcome'],
  because: readonly string[],
  draft: PlanDraft | null,
): readonly string[] {
  const failures: string[] = [];
  if (outcome !== wanted.outcome)
    failures.push(`outcome is ${outcome}, not ${wanted.outcome}: ${because.join('; ')}`);
  for (const reason of wanted.because) {
    if (!because.some((given) => given.includes(reason)))
      failures.push(`no reason says “${reason}”: ${because.join('; ')}`);
  }
  if (wanted.summary !== undefined && draft?.summary !== wanted.summary) {
    failures.push(`summary is “${draft?.summary ?? ''}”, not “${wanted.summary}”`);
  }
  if (wanted.risk !== undefined && draft?.risk.level !== wanted.risk) {
    failures.push(`risk is ${draft?.risk.level ?? 'not known'}, not ${wanted.risk}`);
  }
  if (wanted.writes !== undefined) failures.push(...writeDifferences(wanted.writes, draft));
  return failures;
}

function writeDifferences(
  wanted: NonNullable<PlaybookCase['expect']['writes']>,
  draft: PlanDraft | null,
): readonly string[] {
  const calls = (draft?.steps ?? []).filter((step) => step.kind === 'write').map((step) => step.call);
  const names = (list: ReadonlyArray<{ readonly tool: string; readonly action: string }>) =>
    list.map((call) => `${call.tool}.${call.action}`).join(', ');
  if (names(calls) !== names(wanted)) return [`writes are [${names(calls)}], not [${names(wanted)}]`];
  return wanted.flatMap((write, index) =>
    Object.entries(write.input).flatMap(([key, value]) => {
      const given = calls[index]?.input[key];
      const same = given !== undefined && canonicalJson(given) === canonicalJson(value);
      return same
        ? []
        : [
            `${write.tool}.${write.action} has ${key} ${canonicalJson(given ?? null)}, not ${canonicalJson(value)}`,
          ];
    }),
  );
}
