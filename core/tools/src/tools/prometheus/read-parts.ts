import { z } from 'zod';
import { findNamed, urlBelow } from '../../http-connector.ts';
import type { InstanceSettings } from '../../http-connector.ts';
import { shellLine } from '../../shell-quote.ts';
import type { ToolRuntime } from '../../tool-definition.ts';

export type Runtime = ToolRuntime<InstanceSettings>;

export const PromQl = z
  .string()
  .min(1)
  .max(10_000)
  .refine((text) => !text.includes('\0'), 'PromQL without NUL');
export const instant = z.iso.datetime();
export const shared = { instance: z.string(), warnings: z.array(z.string()) };

interface Target {
  readonly instance: string;
}
export const reads = {
  kind: 'read',
  repeat: 'convergent',
  revision: 1,
  effects: (input: Target) => [{ kind: 'read' as const, target: `prometheus:${input.instance}` }],
  timeoutMs: 30_000,
  maxOutputBytes: 8_000_000,
} as const;

export const http = <Input>(run: (input: Input, runtime: Runtime) => Promise<unknown>) =>
  [{ kind: 'http' as const, run }] as const;

export function urlOf(settings: InstanceSettings, instance: string): string {
  return findNamed(settings.instances, instance, 'connectors.prometheus').url;
}

export function curl(settings: InstanceSettings, instance: string, path: string): readonly string[] {
  return [shellLine(['curl', '--', urlBelow(urlOf(settings, instance), path)])];
}
