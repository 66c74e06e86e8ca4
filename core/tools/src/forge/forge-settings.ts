import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { findNamed, InstanceName, TokenInstance } from '../http-connector.ts';
import type { TokenInstance as Instance } from '../http-connector.ts';

/** Settings of a forge; `repositoryPath` says how its repositories are named. */
export function forgeSettings(repositoryPath: z.ZodType<string>): z.ZodType<ForgeSettings> {
  const instance = z.strictObject({
    ...TokenInstance.shape,
    /** Repositories that may be read and written; `*` is all that the token reaches. */
    repositories: z.union([z.literal('*'), z.array(repositoryPath).min(1).max(500)]),
  });
  return z.strictObject({ instances: z.record(InstanceName, instance) });
}

export interface ForgeInstanceSettings extends Instance {
  readonly repositories: '*' | readonly string[];
}

export interface ForgeSettings {
  readonly instances: Readonly<Record<string, ForgeInstanceSettings>>;
}

/** An instance with its name and the place of its settings, for messages. */
export interface ForgeInstance extends ForgeInstanceSettings {
  readonly name: string;
  /** `connectors.<tool>.instances.<name>`. */
  readonly where: string;
}

/** @throws AppError `not_found`; `forbidden` (`repository_not_listed`) when the repository is not on the list. */
export function findForge(
  settings: ForgeSettings,
  tool: string,
  input: { readonly instance: string; readonly repository: string },
): ForgeInstance {
  const found = findNamed(settings.instances, input.instance, `connectors.${tool}.instances`);
  const where = `connectors.${tool}.instances.${input.instance}`;
  const { repositories } = found;
  // Both forges take no notice of case in a path.
  const wanted = input.repository.toLowerCase();
  if (repositories !== '*' && !repositories.some((path) => path.toLowerCase() === wanted)) {
    throw new AppError(
      'forbidden',
      `Repository ${input.repository} is not listed in ${where}.repositories; listed: ${repositories.join(', ')}.`,
      { details: { class: 'permanent', effect: 'none', reason: 'repository_not_listed' } },
    );
  }
  return { ...found, name: input.instance, where };
}
