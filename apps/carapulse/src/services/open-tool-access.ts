import { Config } from '@carapulse/configuration';
import { parseInput } from '@carapulse/kernel';
import { catalogueOf, type ToolCatalogue } from '@carapulse/planning';
import { createRemoteToolRouter, createRpcConnection } from '@carapulse/rpc-http';
import type { SandboxStatus, ToolRouter } from '@carapulse/tools';
import { resolveReferences } from '../config/resolve-references.ts';
import { resolveSecret } from '../config/resolve-secret.ts';
import type { Installation } from '../installation/open-installation.ts';
import { toolRouterCredential } from '../installation/service-credential.ts';
import { checkReadiness, type Readiness } from './check-readiness.ts';
import { createPipeline, type PipelineParts } from './create-pipeline.ts';
import { openTools, type ToolHost } from './open-tools.ts';
import type { StartOptions } from './start-options.ts';

/** How runs and planning come to the tools. */
export interface ToolAccess {
  readonly catalogue: ToolCatalogue;
  readonly router: (parts: Omit<PipelineParts, 'tools'>) => ToolRouter;
  readonly where: string;
  readonly check: (signal: AbortSignal) => Promise<Readiness>;
  readonly close: () => Promise<void>;
}

type Opening = Pick<StartOptions, 'config' | 'redactor'>;

/** The tools of this very process, or those of the tool router that the configuration names. */
export async function openToolAccess(
  { config, redactor }: Opening,
  installation: Installation,
  first: boolean,
  signal: AbortSignal,
): Promise<ToolAccess> {
  const { url } = config.tool_router;
  if (url === undefined) {
    const tools = await openConnectedTools({ config, redactor }, installation, first, signal);
    const { backend, detail } = tools.sandbox.status();
    return {
      catalogue: catalogueOf(tools.registry),
      router: (parts) => createPipeline({ ...parts, tools }),
      where: backend === null ? `no sandbox, commands are refused: ${detail}` : `here; ${detail}`,
      check: async (within) => sandboxReadiness(await tools.sandboxStatus(within)),
      close: tools.close,
    };
  }
  const token = await toolRouterCredential(config, installation.paths.keys);
  redactor.learn([token]);
  const remote = createRemoteToolRouter(createRpcConnection({ url, token }));
  return {
    catalogue: remote,
    router: () => remote,
    where: `by the tool router at ${url}`,
    check: (within) => checkReadiness('tool router', () => remote.check(within), url),
    close: async () => {},
  };
}

/** Opens the tools with the connectors' secrets in place of their references, which the redactor learns. */
export async function openConnectedTools(
  { config, redactor }: Opening,
  { paths }: Installation,
  first: boolean,
  signal: AbortSignal,
): Promise<ToolHost> {
  const { section, secrets } = await resolveReferences(config.connectors);
  const { token } = config.sandbox;
  redactor.learn(token === undefined ? secrets : [...secrets, await resolveSecret(token)]);
  const connectors = parseInput(Config.shape.connectors, section, 'connectors');
  return openTools({ ...config, connectors }, paths, first, signal);
}

export function sandboxReadiness({ backend, detail }: SandboxStatus): Readiness {
  return { name: 'sandbox', ok: backend !== null, detail };
}
