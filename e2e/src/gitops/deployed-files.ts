import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { CHARTS } from '@carapulse/example-testbed';

export type Files = Readonly<Record<string, string>>;

/** Seconds after which a rollout that stands still is given up. */
const DEADLINE = 4;

/** A repository of three applications: `plain`, `busy`, whose sync takes half a minute, and `shop`, a chart. */
export function deployedFiles(): Files {
  const chart = readdirSync(CHARTS.shop, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [`shop/${path.slice(CHARTS.shop.length + 1)}`, readFileSync(path, 'utf8')] as const;
    });
  const files = Object.fromEntries(chart);
  const values = files['shop/values.yaml'] ?? '';
  return {
    ...files,
    'shop/values.yaml': values.replace(/^(progressDeadlineSeconds:) .*$/m, `$1 ${DEADLINE}`),
    ...plainFiles('1.0.0', 'first'),
    'busy/job.json': JSON.stringify(HOOK),
  };
}

/** The application `plain` with an image of this tag and a Secret of this value. */
export function plainFiles(tag: string, secret: string): Files {
  const data = { value: Buffer.from(secret).toString('base64') };
  return {
    'plain/web.json': JSON.stringify(deployment(tag)),
    'plain/secret.json': JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'web' },
      data,
    }),
  };
}

function deployment(tag: string): object {
  const labels = { app: 'web' };
  const containers = [{ name: 'web', image: `registry.example/web:${tag}` }];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
    },
  };
}

const HOOK = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'busy', annotations: { 'argocd.argoproj.io/hook': 'PreSync' } },
  spec: {
    template: {
      spec: {
        restartPolicy: 'Never',
        containers: [{ name: 'busy', image: 'registry.example/busy:1-slow30' }],
      },
    },
  },
};

/** A developer's working copy of a bare repository. */
export class WorkingCopy {
  readonly #directory: string;
  readonly #bare: string;

  constructor(directory: string, bare: string) {
    this.#directory = directory;
    this.#bare = bare;
    mkdirSync(directory, { recursive: true });
    // It may be somebody else's.
    writeFileSync(this.#config, `[safe]\n\tdirectory = ${bare}\n`);
  }

  get #config(): string {
    return `${this.#directory}.gitconfig`;
  }

  /** A commit on top of `main`, pushed. @returns its id. */
  async push(files: Files, subject: string): Promise<string> {
    rmSync(this.#directory, { recursive: true, force: true });
    mkdirSync(this.#directory, { recursive: true });
    await this.#git('clone', '--quiet', '--branch', 'main', this.#bare, '.');
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.#directory, path)), { recursive: true });
      writeFileSync(join(this.#directory, path), text);
    }
    await this.#git('add', '--all');
    await this.#git('commit', '--quiet', '--message', subject);
    await this.#git('push', '--quiet', 'origin', 'HEAD:main');
    return this.#git('rev-parse', 'HEAD');
  }

  /** What git says of the repository itself. */
  async tell(...args: readonly string[]): Promise<string> {
    return this.#git('--git-dir', this.#bare, ...args);
  }

  async #git(...args: readonly string[]): Promise<string> {
    const env = { ...process.env, ...DEVELOPER, GIT_CONFIG_GLOBAL: this.#config };
    const { stdout } = await promisify(execFile)('git', [...args], { cwd: this.#directory, env });
    return stdout.trim();
  }
}

const DEVELOPER = {
  GIT_AUTHOR_NAME: 'dev',
  GIT_AUTHOR_EMAIL: 'dev@shop.example',
  GIT_COMMITTER_NAME: 'dev',
  GIT_COMMITTER_EMAIL: 'dev@shop.example',
  GIT_CONFIG_NOSYSTEM: '1',
};
