import { z } from 'zod';
import { findNamed, InstanceName, InstanceSettings } from '../../http-connector.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction, defineTool } from '../../tool-definition.ts';
import { callAlertmanager, readSilences, Silence } from './alertmanager-api.ts';
import { expireSilence, silence } from './silence.ts';

const Labels = z.record(z.string(), z.string());
const reads = {
  kind: 'read',
  repeat: 'convergent',
  revision: 1,
  effects: (input: { readonly instance: string }) => [
    { kind: 'read' as const, target: `alertmanager:${input.instance}` },
  ],
  timeoutMs: 30_000,
  maxOutputBytes: 8_000_000,
} as const;

const AlertsInput = z.strictObject({
  instance: InstanceName,
  /** Alertmanager's own matcher syntax, e.g. `severity="critical"`; all must match. */
  filter: z.array(z.string().min(1).max(1000)).max(20).default([]),
  active: z.boolean().default(true),
  silenced: z.boolean().default(true),
  inhibited: z.boolean().default(true),
});
const AlertsOutput = z.strictObject({
  instance: z.string(),
  empty: z.boolean(),
  alerts: z.array(
    z.strictObject({
      fingerprint: z.string(),
      state: z.string(),
      labels: Labels,
      annotations: Labels,
      starts_at: z.string(),
      ends_at: z.string(),
      silenced_by: z.array(z.string()),
      inhibited_by: z.array(z.string()),
    }),
  ),
});
const RawAlerts = z.array(
  z.object({
    fingerprint: z.string(),
    status: z.object({
      state: z.string(),
      silencedBy: z.array(z.string()).default([]),
      inhibitedBy: z.array(z.string()).default([]),
    }),
    labels: Labels,
    annotations: Labels.default({}),
    startsAt: z.string(),
    endsAt: z.string(),
  }),
);

const alerts = defineAction<InstanceSettings, z.infer<typeof AlertsInput>, z.infer<typeof AlertsOutput>>({
  ...reads,
  name: 'alerts',
  description: 'Alerts that Alertmanager holds',
  input: AlertsInput,
  output: AlertsOutput,
  transports: [
    {
      kind: 'http',
      run: async (input, runtime) => {
        const query: Array<[string, string]> = [
          ['active', String(input.active)],
          ['silenced', String(input.silenced)],
          ['inhibited', String(input.inhibited)],
          ...input.filter.map((filter): [string, string] => ['filter', filter]),
        ];
        const path = '/api/v2/alerts';
        const raw = await callAlertmanager(runtime, input.instance, { method: 'GET', path, query });
        const found = RawAlerts.parse(raw).map((alert) => ({
          fingerprint: alert.fingerprint,
          state: alert.status.state,
          labels: alert.labels,
          annotations: alert.annotations,
          starts_at: alert.startsAt,
          ends_at: alert.endsAt,
          silenced_by: alert.status.silencedBy,
          inhibited_by: alert.status.inhibitedBy,
        }));
        return { instance: input.instance, empty: found.length === 0, alerts: found };
      },
    },
  ],
  commands: (input, settings) => [
    shellLine(['amtool', 'alert', 'query', urlOption(settings, input.instance), '--', ...input.filter]),
  ],
});

const SilencesInput = z.strictObject({ instance: InstanceName, include_expired: z.boolean().default(false) });
const SilencesOutput = z.strictObject({
  instance: z.string(),
  empty: z.boolean(),
  silences: z.array(Silence),
});

const silences = defineAction<
  InstanceSettings,
  z.infer<typeof SilencesInput>,
  z.infer<typeof SilencesOutput>
>({
  ...reads,
  name: 'silences',
  description: 'Silences that Alertmanager holds',
  input: SilencesInput,
  output: SilencesOutput,
  transports: [
    {
      kind: 'http',
      run: async (input, runtime) => {
        const all = await readSilences(runtime, input.instance);
        const found = all.filter((item) => input.include_expired || item.state !== 'expired');
        return { instance: input.instance, empty: found.length === 0, silences: found };
      },
    },
  ],
  commands: (input, settings) => [
    shellLine(['amtool', 'silence', 'query', urlOption(settings, input.instance)]),
  ],
});

/** Alertmanager by its HTTP API, version 2. */
export const alertmanager = defineTool<InstanceSettings>({
  name: 'alertmanager',
  title: 'Alertmanager',
  settings: InstanceSettings,
  actions: [alerts, silences, silence, expireSilence],
});

function urlOption(settings: InstanceSettings, instance: string): string {
  return `--alertmanager.url=${findNamed(settings.instances, instance, 'connectors.alertmanager').url}`;
}
