import type { RouteId, ROUTES } from '@carapulse/contract';
import type { OperationContext } from '@carapulse/operations';
import type { z } from 'zod';

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;
type Part<Id extends RouteId, K extends string> =
  (typeof ROUTES)[Id] extends Readonly<Record<K, infer S>> ? Parsed<S> : undefined;

/** A request whose parts have been parsed with the route's own schemas. */
export interface ParsedRequest<Id extends RouteId> {
  readonly context: OperationContext;
  readonly params: Part<Id, 'params'>;
  readonly query: Part<Id, 'query'>;
  readonly body: Part<Id, 'body'>;
}

type Answer<Id extends RouteId> = (typeof ROUTES)[Id]['success']['schema'] extends z.ZodType
  ? z.input<(typeof ROUTES)[Id]['success']['schema']>
  : never;

export interface Handled<Id extends RouteId> {
  readonly body: Answer<Id>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Calls a verb and shapes its answer; nothing else. Failures are mapped by the server. */
export type Handler<Id extends RouteId> = (request: ParsedRequest<Id>) => Promise<Handled<Id>>;

/** Routes that the server answers itself: streams and what needs no verb. */
export type ServedRoute = 'streamLogs' | 'metrics' | 'openapi' | 'healthz' | 'readyz';

export type Handlers = { readonly [Id in Exclude<RouteId, ServedRoute>]: Handler<Id> };
