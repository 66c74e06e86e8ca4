import { AppError } from '@carapulse/kernel';
import type { NamedWorkflow } from '../workflow.ts';
import { gitopsDeploy } from './gitops-deploy.ts';
import { helmRelease } from './helm-release.ts';
import { revertCommit } from './revert-commit.ts';
import { scaleService } from './scale-service.ts';

/** Every named workflow there is. A new one is one file beside this one and one line here. */
export const WORKFLOWS: readonly NamedWorkflow[] = [gitopsDeploy, helmRelease, revertCommit, scaleService];

/** @throws AppError `not_found` naming those there are. */
export function findWorkflow(name: string): NamedWorkflow {
  const found = WORKFLOWS.find((each) => each.name === name);
  if (found === undefined) throw new AppError('not_found', `${unknownWorkflow(name)}.`);
  return found;
}

export const unknownWorkflow = (name: string): string =>
  `there is no workflow ${name}; there are: ${WORKFLOWS.map((each) => each.name).join(', ')}`;
