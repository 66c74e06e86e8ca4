import type { JsonObject } from '@carapulse/kernel';
import { createToolRegistry } from './registry.ts';
import type { AnyTool } from './tool-definition.ts';
import { openSession, type SessionPorts, type ToolSession } from './tool-session.ts';

/** For tests: ports that reach nothing and take nothing out of an output. */
const NOTHING: SessionPorts = {
  sandbox: {
    status: () => ({ backend: null, detail: '', unavailable: [] }),
    run: () => Promise.reject(new Error('no program is run')),
  },
  egressHttp: { request: () => Promise.reject(new Error('nothing is asked')) },
  programs: { has: () => false },
  documents: { replaceScalar: () => ({ kind: 'refused', reason: 'unreadable', detail: 'no editor here' }) },
  redactor: {
    json: (value) => value,
    text: (text) => text,
    stream: () => ({ push: (chunk) => chunk, end: () => '' }),
  },
  clock: { nowMs: () => 0, monotonicMs: () => 0 },
  commandLimits: { memoryBytes: 1e9, pids: 50 },
  workspace: {
    open: () => Promise.resolve({ scratch: '/s', cache: '/c', close: () => Promise.resolve() }),
  },
};

/** For tests: one action of a tool with the given settings, on the ports that it needs. */
export function sessionOf(
  tool: AnyTool,
  section: JsonObject,
  action: string,
  input: JsonObject,
  ports: Partial<SessionPorts>,
): ToolSession {
  const registered = createToolRegistry([tool], { [tool.name]: section }).find(tool.name, action);
  return openSession(
    { ...NOTHING, ...ports },
    {
      registered,
      input: registered.action.input.parse(input),
      idempotencyKey: 'key',
      timeoutMs: 60_000,
      signal: new AbortController().signal,
    },
  );
}
