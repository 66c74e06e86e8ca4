import { EDIT_REFUSALS } from '@carapulse/kernel';
import type { DocumentScalar } from '@carapulse/kernel';
import { gitFailure } from './git-command.ts';
import type { GitRuntime } from './git-command.ts';
import type { Mirror } from './git-mirror.ts';
import { readChanges } from './read-changes.ts';
import type { Changes } from './read-changes.ts';

/** Why a file's value can't be changed by this tool. */
export const COMMIT_REFUSALS = [...EDIT_REFUSALS, 'no_file', 'too_large', 'not_text'] as const;
export type CommitRefusal = (typeof COMMIT_REFUSALS)[number];

/** Bytes of a file that is changed. */
const MAX_FILE = 262_144;

export interface FileEdit {
  readonly path: string;
  readonly pointer: string;
  readonly value: DocumentScalar;
}

export type EditedTree =
  | {
      readonly kind: 'tree';
      readonly tree: string;
      readonly from: DocumentScalar | null;
      readonly changes: Changes;
    }
  | Refused;
interface Refused {
  readonly kind: 'refused';
  readonly reason: CommitRefusal;
  readonly detail: string;
}

/** The tree of a commit with one value of one file changed; nothing outside the mirror is touched. */
export async function computeEdit(
  runtime: GitRuntime,
  mirror: Mirror,
  edit: FileEdit & { readonly base: string },
): Promise<EditedTree> {
  const { base, path } = edit;
  const file = await fileAt(mirror, base, path);
  if (file === null) return refused('no_file', `${base} has no file ${path}.`);
  if (file.bytes > MAX_FILE)
    return refused('too_large', `${path} has ${file.bytes} bytes; at most ${MAX_FILE} are changed.`);
  const text = await mirror.git('cat-file', 'blob', file.blob);
  // What isn't UTF-8 doesn't come back as it was.
  if ((await writeBlob(mirror, text)) !== file.blob) return refused('not_text', `${path} isn't UTF-8 text.`);
  const edited = runtime.documents.replaceScalar(text, { ...edit, fileName: path });
  if (edited.kind === 'refused') return refused(edited.reason, `${path}: ${edited.detail}`);
  const blob = await writeBlob(mirror, edited.text);
  const { tree, changes } = await treeWith(runtime, mirror, { base, path, mode: file.mode, blob });
  return { kind: 'tree', tree, from: edited.before, changes };
}

/** A plain file; null for none, a directory, a symbolic link or a submodule. */
async function fileAt(
  mirror: Mirror,
  base: string,
  path: string,
): Promise<{ readonly mode: string; readonly blob: string; readonly bytes: number } | null> {
  const listed = await mirror.git('ls-tree', '-z', '-l', '--full-tree', '--end-of-options', base, '--', path);
  const entry = /^(100644|100755) blob ([0-9a-f]+) +(\d+)\t([^\0]*)\0$/.exec(listed);
  const [, mode, blob, bytes, name] = entry ?? [];
  if (mode === undefined || blob === undefined || name !== path) return null;
  return { mode, blob, bytes: Number(bytes) };
}

async function writeBlob(mirror: Mirror, text: string): Promise<string> {
  const args = ['hash-object', '-w', '-t', 'blob', '--stdin'] as const;
  const result = await mirror.call({ args, stdin: text });
  if (result.exitCode === 0) return result.stdout.trim();
  throw gitFailure(mirror.repository, { args }, result);
}

async function treeWith(
  runtime: GitRuntime,
  mirror: Mirror,
  { base, path, mode, blob }: Readonly<Record<'base' | 'path' | 'mode' | 'blob', string>>,
): Promise<{ readonly tree: string; readonly changes: Changes }> {
  const env = { GIT_INDEX_FILE: `${runtime.scratch}/index-${blob}` };
  const index = async (args: readonly [string, ...string[]], stdin?: string): Promise<string> => {
    const result = await mirror.call({ args, env, ...(stdin === undefined ? {} : { stdin }) });
    if (result.exitCode === 0) return result.stdout;
    throw gitFailure(mirror.repository, { args }, result);
  };
  await index(['read-tree', base]);
  await index(['update-index', '-z', '--index-info'], `${mode} ${blob}\t${path}\0`);
  const tree = (await index(['write-tree'])).trim();
  const { changes } = await readChanges((options) =>
    index(['diff-index', '--cached', '-r', ...options, '--end-of-options', base]),
  );
  return { tree, changes };
}

function refused(reason: CommitRefusal, detail: string): Refused {
  return { kind: 'refused', reason, detail };
}
