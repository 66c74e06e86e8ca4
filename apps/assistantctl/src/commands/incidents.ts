import { randomUUID } from 'node:crypto';
import type { Api } from '@carapulse/client-http';
import { displayText } from '@carapulse/plan';
import { age } from '../output/age.ts';
import { toneOf } from '../output/paint.ts';
import type { Session } from '../session/session.ts';
import { required, text, type Action } from './command.ts';
import { nextPage, pageQuery } from './pages.ts';

type IncidentView = Api['getIncident']['response'];

export const listIncidents: Action = async (session, _args, flags) => {
  const { client } = await session.connect('read');
  const query = { ...pageQuery(flags), status: text(flags, 'status') };
  const { body } = await client.call('listIncidents', { query: query as never, signal: session.signal });
  const now = session.nowMs();
  session.out.list(body, body.items, {
    name: (each) => each.incident_id,
    empty: 'No incidents.',
    columns: [
      { title: 'INCIDENT', value: (each) => each.incident_id },
      { title: 'STATUS', value: (each) => each.status, tone: (each) => toneOf(each.status) },
      { title: 'SEVERITY', value: (each) => each.severity, tone: (each) => toneOf(each.severity) },
      { title: 'SERVICE', value: (each) => each.service ?? '-' },
      { title: 'AGE', value: (each) => age(each.opened_at, now) },
      { title: 'TITLE', value: (each) => each.title },
      { title: 'WHERE', value: (each) => each.context.environment, wide: true },
      { title: 'GROUP', value: (each) => each.group_key, wide: true },
    ],
  });
  nextPage(session, body);
};

export const showIncident: Action = async (session, [incidentId = '']) => {
  const { client } = await session.connect('read');
  const { body } = await client.call('getIncident', {
    params: { incident_id: incidentId },
    signal: session.signal,
  });
  session.out.one(body, incidentId, () => describe(session, body));
  const plan = body.investigations.findLast((each) => each.plan_id !== null)?.plan_id;
  if (plan !== undefined && plan !== null && session.options.output === 'table')
    session.out.note(`Next: assistantctl plan show ${plan}`);
};

function describe(session: Session, view: IncidentView): readonly string[] {
  const { incident, alerts, investigations } = view;
  const { out } = session;
  const now = session.nowMs();
  const row = (label: string, value: string): string => `${label.padEnd(12)}${displayText(value)}`;
  return [
    row('Incident', incident.incident_id),
    row('Title', incident.title),
    `${'Status'.padEnd(12)}${out.paint(incident.status, toneOf(incident.status))}, severity ${out.paint(incident.severity, toneOf(incident.severity))}`,
    row('Service', `${incident.service ?? 'unknown'} in ${incident.context.environment}`),
    row('Opened', `${incident.opened_at} (${age(incident.opened_at, now)})`),
    '',
    ...out.table(alerts, [
      { title: 'ALERT', value: (each) => each.labels['alertname'] ?? each.fingerprint },
      { title: 'STATUS', value: (each) => each.status },
      { title: 'SINCE', value: (each) => age(each.starts_at, now) },
      { title: 'SEEN', value: (each) => `${each.deliveries}×` },
      { title: 'SUMMARY', value: (each) => each.annotations['summary'] ?? '-' },
    ]),
    ...investigations.flatMap((each) => ['', ...describeInvestigation(session, each)]),
  ];
}

function describeInvestigation(
  session: Session,
  each: IncidentView['investigations'][number],
): readonly string[] {
  const { out } = session;
  const section = (label: string, lines: readonly string[]): readonly string[] =>
    lines.map((line, index) => `${(index === 0 ? label : '').padEnd(12)}${displayText(line)}`);
  return [
    out.paint(`Investigation ${each.investigation_id}: ${each.status}`, 'strong'),
    ...section(
      'Found',
      each.findings.map(
        (finding) => `${finding.statement} (${finding.confidence}, ${finding.evidence_ids.length} evidence)`,
      ),
    ),
    ...section(
      'Excluded',
      each.excluded.map((exclusion) => `${exclusion.hypothesis}: ${exclusion.reason}`),
    ),
    ...section(
      'Missing',
      each.missing.map((gap) => `${gap.what}: ${gap.reason}`),
    ),
    ...section(
      'Playbooks',
      each.matched.map(
        (match) =>
          `${match.playbook} ${match.matched ? 'matched because' : 'did not match because'} ${match.because.join('; ')}`,
      ),
    ),
    ...section('Conclusion', each.conclusion === '' ? [] : [each.conclusion]),
    ...section('Plan', each.plan_id === null ? [] : [each.plan_id]),
  ];
}

function change(id: 'investigateIncident' | 'closeIncident', told: string): Action {
  return async (session, [incidentId = ''], flags) => {
    const { client } = await session.connect();
    const { body } = await client.call(id, {
      params: { incident_id: incidentId },
      body: { reason: required(flags, 'reason') },
      idempotencyKey: randomUUID(),
      signal: session.signal,
    });
    session.out.one(body, incidentId, () => [`${told} ${incidentId} is ${body.incident.status}.`]);
  };
}
export const investigateIncident = change('investigateIncident', 'Looking into it again.');
export const closeIncident = change('closeIncident', 'Done.');
