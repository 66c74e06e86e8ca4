import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A tree of files as the checks see it: the real one, or one made up by a test. Paths are relative, with `/`. */
export interface Repository {
  readonly files: readonly string[];
  /** @throws if the path is not in `files`. */
  readonly read: (path: string) => string;
}

export interface Manifest {
  readonly name: string;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** A package of the repository. `folder` is '' for the root. */
export interface WorkspacePackage {
  readonly folder: string;
  readonly manifest: Manifest;
}

export const repositoryRoot = join(import.meta.dirname, '..', '..');

/** This checkout: what git tracks and what it would add, so that a check speaks before the commit. */
export function thisRepository(): Repository {
  const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: repositoryRoot,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (listed.status !== 0) throw new Error(`git ls-files failed in ${repositoryRoot}: ${listed.stderr}`);
  const files = [...new Set(listed.stdout.split('\0'))]
    .filter((path) => path !== '' && existsSync(join(repositoryRoot, path)))
    .toSorted();
  const contents = new Map<string, string>();
  return {
    files,
    read: (path) => {
      const text = contents.get(path) ?? readFileSync(join(repositoryRoot, path), 'utf8');
      contents.set(path, text);
      return text;
    },
  };
}

/** A repository from paths and contents, for tests of the checks. */
export function repositoryOf(contents: Readonly<Record<string, string>>): Repository {
  return {
    files: Object.keys(contents).toSorted(),
    read: (path) => {
      const text = contents[path];
      if (text === undefined) throw new Error(`${path} is not in this repository`);
      return text;
    },
  };
}

export function packagesOf(repository: Repository): readonly WorkspacePackage[] {
  return repository.files
    .filter((path) => path === 'package.json' || path.endsWith('/package.json'))
    .map((path) => ({
      folder: path === 'package.json' ? '' : path.slice(0, -'/package.json'.length),
      manifest: JSON.parse(repository.read(path)) as Manifest,
    }));
}

/** The innermost package that a file lies in. */
export function packageOfFile(packages: readonly WorkspacePackage[], path: string): WorkspacePackage {
  const owner = packages
    .filter(({ folder }) => folder === '' || path.startsWith(`${folder}/`))
    .toSorted((a, b) => b.folder.length - a.folder.length)[0];
  if (owner === undefined) throw new Error(`${path} lies in no package`);
  return owner;
}

export function sourceFiles(repository: Repository): readonly string[] {
  return repository.files.filter((path) => path.endsWith('.ts'));
}

/** Tests and what only tests use: it may import and do more than what ships. */
export function isTestCode(path: string): boolean {
  return /\.(test|testing|fixture)\.ts$|\/testing(\/|\.ts$)|\/suite-[a-z-]+\.ts$|^e2e\//.test(path);
}
