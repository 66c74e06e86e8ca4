import { z } from 'zod';
import {
  answerError,
  answerJson,
  egressTo,
  findNamed,
  InstanceName,
  TokenInstance,
  urlBelow,
} from '../../http-connector.ts';
import type { InstanceRequest } from '../../http-connector.ts';
import type { ToolRuntime } from '../../tool-definition.ts';

export const GrafanaSettings = z.strictObject({ instances: z.record(InstanceName, TokenInstance) });
export type GrafanaSettings = z.infer<typeof GrafanaSettings>;
export type Runtime = ToolRuntime<GrafanaSettings>;

/** Uid of a data source, a dashboard. */
export const Uid = z.string().regex(/^[A-Za-z0-9_-]{1,40}$/, 'a uid as Grafana has it');
/** A minute of 1970 or a year of 2100 is a mistake; Grafana would take it. */
export const Instant = z.iso.datetime().refine((date) => {
  const ms = Date.parse(date);
  return ms >= 946_684_800_000 && ms < 4_102_444_800_000;
}, 'an instant between 2000 and 2100');

/** Sends a request; every status is an answer. */
export async function sendToGrafana(runtime: Runtime, instance: string, request: InstanceRequest) {
  const { url, egress, token } = findNamed(
    runtime.settings.instances,
    instance,
    'connectors.grafana.instances',
  );
  return await runtime.http({
    method: request.method,
    url: urlBelow(url, request.path, request.query),
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${token}`,
      ...(request.json === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(request.json === undefined ? {} : { body: JSON.stringify(request.json) }),
    egress: egressTo(url, egress),
  });
}

/** The JSON of a success. @throws AppError `tool_failed`, classed for retries. */
export async function callGrafana(
  runtime: Runtime,
  instance: string,
  request: InstanceRequest,
): Promise<unknown> {
  const answer = await sendToGrafana(runtime, instance, request);
  const what = `Grafana ${instance}`;
  if (answer.status < 200 || answer.status > 299) throw answerError(what, answer, messageOf(answer.body));
  return answerJson(what, answer);
}

const Said = z.object({ message: z.string() });

/** Grafana's message in one line, else as much of the body. */
function messageOf(body: string): string {
  let said: unknown = null;
  try {
    said = JSON.parse(body);
  } catch {
    // It is told as it is.
  }
  const parsed = Said.safeParse(said);
  return (parsed.success ? parsed.data.message : body).replaceAll(/[\p{Cc}\s]+/gu, ' ').trim();
}

export function urlOf(settings: GrafanaSettings, instance: string, path = ''): string {
  return `${findNamed(settings.instances, instance, 'connectors.grafana.instances').url.replace(/\/+$/, '')}${path}`;
}
