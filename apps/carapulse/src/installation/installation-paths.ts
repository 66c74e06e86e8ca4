import { join } from 'node:path';

/** Where everything of one installation lies. Nothing is ever written outside `root`. */
export interface InstallationPaths {
  readonly root: string;
  readonly database: string;
  readonly keys: string;
  readonly trust: string;
  /** Which installation this is. */
  readonly id: string;
  readonly identities: string;
  readonly objects: string;
  readonly checkpoints: string;
  /** Whoever has this directory writes them. */
  readonly checkpointing: string;
  readonly endpoint: string;
  readonly toolCache: string;
  readonly scratch: string;
  readonly sandbox: string;
  /** What was bundled for Temporal's sandbox at an earlier start; made anew when it is gone. */
  readonly temporalBundle: string;
  readonly log: string;
}

export function installationPaths(root: string): InstallationPaths {
  return {
    root,
    database: join(root, 'database'),
    keys: join(root, 'keys'),
    trust: join(root, 'trust.json'),
    id: join(root, 'installation-id'),
    identities: join(root, 'identities'),
    objects: join(root, 'objects'),
    checkpoints: join(root, 'checkpoints.jsonl'),
    checkpointing: join(root, 'checkpointing'),
    endpoint: join(root, 'endpoint.json'),
    toolCache: join(root, 'tools'),
    scratch: join(root, 'scratch'),
    sandbox: join(root, 'sandbox'),
    temporalBundle: join(root, 'temporal-bundle.json'),
    log: join(root, 'carapulse.log'),
  };
}
