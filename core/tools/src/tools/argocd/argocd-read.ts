import { z } from 'zod';
import { InstanceName } from '../../http-connector.ts';
import { ObjectName } from '../../kubernetes/kubernetes-names.ts';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import type { AnyAction } from '../../tool-definition.ts';
import type { Located, Runtime } from './argocd-api.ts';
import { assertProjectListed, findInstance } from './argocd-settings.ts';
import type { ArgocdSettings, Instance } from './argocd-settings.ts';

/** Where every action starts: an application of a project. */
export const address = { instance: InstanceName, project: ObjectName, app: ObjectName };
/** The same in outputs. */
export const shownAddress = { instance: z.string(), project: z.string(), app: z.string() };

/** The canonical URI of an application. */
export function appTarget({ instance, project, app }: Located): string {
  return `argocd:${instance}/${project}/${app}`;
}

interface ReadParts<Input, Output> {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType<Input>;
  readonly output: z.ZodType<Output>;
  readonly run: (input: Input, runtime: Runtime, instance: Instance) => Promise<Output>;
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
    transports: [
      {
        kind: 'http',
        run: async (input, runtime) => parts.run(input, runtime, openInstance(runtime, input)),
      },
    ],
    commands: (input) => [shellLine(['argocd', 'app', ...parts.words(input), '--', input.app])],
    timeoutMs: 60_000,
    maxOutputBytes: 16_000_000,
  });
}

/** @throws AppError `not_found` (instance) or `forbidden` (`project_not_listed`), before anything is asked. */
export function openInstance(runtime: Runtime, { instance: name, project }: Located): Instance {
  const instance = findInstance(runtime.settings, name);
  assertProjectListed(instance, project);
  return instance;
}
