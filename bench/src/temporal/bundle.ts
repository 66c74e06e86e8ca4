import { fileURLToPath } from 'node:url';
import { bundleMachines } from '@carapulse/workflow-temporal';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/** What Carapulse's worker runs. */
export function bundleOurs(): Promise<string> {
  return bundleMachines(pathOf('./carapulse-workflows.ts'), undefined);
}

/** What a worker of the bare SDK runs: its own workflows and nothing of ours. */
export async function bundleBare(): Promise<string> {
  const logger = new DefaultLogger('WARN');
  return (await bundleWorkflowCode({ workflowsPath: pathOf('./bare-workflows.ts'), logger })).code;
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
