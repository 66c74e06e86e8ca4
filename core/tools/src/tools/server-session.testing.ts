import { AppError } from '@carapulse/kernel';
import type { JsonObject } from '@carapulse/kernel';
import type { EgressHttp } from '../egress-http.ts';
import { sessionOf } from '../session.testing.ts';
import type { AnyTool } from '../tool-definition.ts';
import type { ToolSession } from '../tool-session.ts';

/** For tests: the egress port on fetch, without rules. */
export const fetchEgress: EgressHttp = {
  request: async (spec, signal) => {
    const { method, headers, body } = spec;
    const started = performance.now();
    let response: Response;
    try {
      const content = body === undefined ? {} : { body };
      response = await fetch(spec.url, { method, headers, redirect: 'manual', signal, ...content });
    } catch (error) {
      throw new AppError('unavailable', `No answer from ${spec.url}`, { cause: error, retryable: true });
    }
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
      truncated: false,
      durationMs: performance.now() - started,
    };
  },
};

/** For tests: one action of a tool with an instance `main` at `url`, on the given egress. */
export function instanceSession(
  tool: AnyTool,
  url: string,
  action: string,
  input: JsonObject,
  egressHttp: EgressHttp,
): ToolSession {
  return sessionOf(tool, { instances: { main: { url, egress: 'private' } } }, action, input, { egressHttp });
}
