import { z } from 'zod';
import { InstanceName } from '../../http-connector.ts';
import { ObjectName } from '../../kubernetes/kubernetes-names.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import type { AnyAction, Transport, TransportKind } from '../../tool-definition.ts';
import { apiOverArgocd } from './api-over-argocd.ts';
import { apiOverHttp } from './api-over-http.ts';
import type { ArgocdApi, Located, Runtime } from './argocd-api.ts';
import { assertProjectListed, findInstance, takesGrpc } from './argocd-settings.ts';
import type { ArgocdSettings, Instance } from './argocd-settings.ts';

/** Where every action starts: an application of a project. */
export const address = { instance: InstanceName, project: ObjectName, app: ObjectName };
/** The same in outputs. */
export const shownAddress = { instance: z.string(), project: z.string(), app: z.string() };

/** The canonical URI of an application. */
export function appTarget({ instance, project, app }: Located): string {
  return `argocd:${instance}/${project}/${app}`;
}

/** What an action has to work with: the API, by whichever transport, and whom it speaks to. */
export interface ArgocdCall {
  readonly api: ArgocdApi;
  readonly instance: Instance;
  readonly runtime: Runtime;
}

interface ReadParts<Input, Output> {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType<Input>;
  readonly output: z.ZodType<Output>;
  readonly run: (input: Input, call: ArgocdCall) => Promise<Output>;
  /** `http`: argocd doesn't tell all that it takes. */
  readonly by?: 'http';
  /** Arguments of `argocd app` as a person would type them, before the name of the application. */
  readonly words: (input: Input) => readonly string[];
}

/** A read of one application. */
export function argocdRead<Input extends Located, Output>(
  parts: ReadParts<Input, Output>,
): AnyAction<ArgocdSettings> {
  return defineAction<ArgocdSettings, Input, Output>({
    name: parts.name,
    description: parts.description,
    kind: 'read',
    repeat: 'convergent',
    revision: 1,
    input: parts.input,
    output: parts.output,
    effects: (input) => [{ kind: 'read', target: appTarget(input) }],
    transports: argocdTransports(parts.run).filter(({ kind }) => kind === (parts.by ?? kind)),
    commands: (input) => [shellLine(['argocd', 'app', ...parts.words(input), '--', input.app])],
    timeoutMs: 60_000,
    maxOutputBytes: 16_000_000,
  });
}

/** Both ways of an action. */
export function argocdTransports<Input extends Located>(
  run: (input: Input, call: ArgocdCall) => Promise<unknown>,
): ReadonlyArray<Transport<ArgocdSettings, Input>> {
  const transport = (by: TransportKind): Transport<ArgocdSettings, Input> => ({
    kind: by,
    ...(by === 'cli' ? { program: 'argocd' } : {}),
    run: async (input, runtime) => run(input, openCall(runtime, input, by)),
  });
  return [transport('cli'), transport('http')];
}

/**
 * By the program only where the instance takes gRPC.
 * @throws AppError `not_found` (instance) or `forbidden` (`project_not_listed`), before anything is asked.
 */
export function openCall(
  runtime: Runtime,
  { instance: name, project }: Located,
  by: TransportKind,
): ArgocdCall {
  const instance = findInstance(runtime.settings, name);
  assertProjectListed(instance, project);
  const over = by === 'cli' && takesGrpc(instance) ? apiOverArgocd : apiOverHttp;
  return { api: over(runtime, instance), instance, runtime };
}
