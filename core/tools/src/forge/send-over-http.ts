import { egressTo, urlBelow } from '../http-connector.ts';
import type { ToolRuntime } from '../tool-definition.ts';
import type { ForgeSend } from './forge-api.ts';
import type { ForgeInstance } from './forge-settings.ts';

/** Requests by HTTP; `headers` are those that a forge wants beside the common ones. */
export function sendOverHttp(
  runtime: Pick<ToolRuntime<unknown>, 'http'>,
  forge: ForgeInstance,
  headers: Readonly<Record<string, string>>,
): ForgeSend {
  return (request) =>
    runtime.http({
      method: request.method,
      url: urlBelow(forge.url, request.path, request.query),
      headers: {
        // GitHub refuses a request without one.
        'user-agent': 'carapulse',
        authorization: `Bearer ${forge.token}`,
        ...headers,
        ...(request.json === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(request.json === undefined ? {} : { body: JSON.stringify(request.json) }),
      egress: egressTo(forge.url, forge.egress),
    });
}
