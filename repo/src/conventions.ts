import { isTestCode, sourceFiles, type Repository } from './repository.ts';
import { factsOf } from './source-facts.ts';

const MAX_LINES = 400;
const MAGNETS = new Set(['utils', 'util', 'helpers', 'common', 'misc', 'shared']);
const KEBAB = /^\.?[a-z0-9]+(?:[-.][a-z0-9]+)*$/;
const GENERATED = /(^|\/)generated\/|^package-lock\.json$|^docs\/[a-z.]+\.json$|\/go\.sum$/;
const TEXT = /\.(ts|mjs|mts|go|rego|sql|ya?ml|md|json|sh)$|^\.ci\/run$|^\.[a-z]+rc$|^LICENSE$/;

/** Where the environment may be read: the composition roots, example programs, what only develops or measures. */
const READS_ENVIRONMENT = /^(apps|examples|native|repo|bench|e2e)\//;

/** Members and bare constructors that core must take through a port. */
const IMPURE = ['Date.now', 'Math.random', 'performance.now', 'process.env', 'process.cwd', 'process.exit'];

/** Size, names, purity of core, the environment, shell strings. */
export function conventionFaults(repository: Repository): readonly string[] {
  return [
    ...repository.files.flatMap((path) => [...sizeFaults(repository, path), ...nameFaults(path)]),
    ...sourceFiles(repository).flatMap((path) => [
      ...purityFaults(repository, path),
      ...environmentFaults(repository, path),
      ...shellFaults(repository, path),
      ...(factsOf(repository, path).escapedPath
        ? [`${path} takes the pathname of a URL for a path; use fileURLToPath, a folder may hold a space`]
        : []),
    ]),
  ];
}

function sizeFaults(repository: Repository, path: string): readonly string[] {
  if (!TEXT.test(path) || GENERATED.test(path) || path === 'LICENSE') return [];
  const lines = repository.read(path).split('\n').length - 1;
  return lines > MAX_LINES ? [`${path} has ${lines} lines; ${MAX_LINES} is the limit: split it`] : [];
}

function nameFaults(path: string): readonly string[] {
  const segments = path.split('/');
  const magnet = segments.find((segment) => MAGNETS.has(segment.replace(/\..*$/, '')));
  if (magnet !== undefined) return [`${path}: ${magnet} says nothing of what is in it; name it after that`];
  if (!/\.(ts|mjs|mts)$/.test(path)) return [];
  const odd = segments.find((segment) => !KEBAB.test(segment));
  return odd === undefined ? [] : [`${path}: ${odd} is not kebab-case`];
}

function purityFaults(repository: Repository, path: string): readonly string[] {
  if (!path.startsWith('core/') || isTestCode(path)) return [];
  const { members, bareNews } = factsOf(repository, path);
  const impure = IMPURE.filter((member) => members.has(member));
  if (bareNews.has('Date')) impure.push('new Date()');
  return impure.map(
    (member) => `${path} uses ${member}; core takes it through a port (Clock, Random, settings)`,
  );
}

function environmentFaults(repository: Repository, path: string): readonly string[] {
  if (READS_ENVIRONMENT.test(path) || path.startsWith('core/') || isTestCode(path)) return [];
  return factsOf(repository, path).members.has('process.env')
    ? [`${path} reads process.env; only an app does, and hands on what it found`]
    : [];
}

function shellFaults(repository: Repository, path: string): readonly string[] {
  const { imports, options } = factsOf(repository, path);
  const strings: string[] = imports
    .filter(({ specifier }) => /^(node:)?child_process$/.test(specifier))
    .flatMap(({ names }) => names.filter((name) => name === 'exec' || name === 'execSync'));
  if (options.has('shell: true')) strings.push('shell: true');
  return strings.map((use) => `${path} uses ${use}; a command is a list of arguments, never a shell string`);
}

/** Words that belong to a machine or a place of work; put together here so that this file holds none of them. */
const PLACES = [
  ['/work', '/'].join(''),
  ['/root', '/'].join(''),
  ['/mnt', '/data'].join(''),
  ['PRODUCT', '.md'].join(''),
  ['STYLE', '.md'].join(''),
  ['FACTS', '.md'].join(''),
];
const HOME = /\/home\/(?!me\b|app\b|you\b)[a-z0-9_-]+|\/Users\/[A-Za-z]+/;

/** Paths of a machine and words of a place of work in tracked text. */
export function placeFaults(repository: Repository): readonly string[] {
  return repository.files
    .filter((path) => TEXT.test(path))
    .flatMap((path) =>
      repository
        .read(path)
        .split('\n')
        .flatMap((line, index) => {
          const place = PLACES.find((word) => startsAt(line, word)) ?? HOME.exec(line)?.[0];
          return place === undefined
            ? []
            : [`${path}:${index + 1} names ${place}, which means nothing elsewhere`];
        }),
    );
}

/** A path counts where it begins: `/srv/work/repo` is no place of ours. */
function startsAt(line: string, word: string): boolean {
  for (let at = line.indexOf(word); at >= 0; at = line.indexOf(word, at + 1)) {
    if (!/[A-Za-z0-9_.~}-]/.test(line[at - 1] ?? ' ') || !word.startsWith('/')) return true;
  }
  return false;
}
