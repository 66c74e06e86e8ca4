import type { Action, Entry } from './command.ts';
import { FAMILIES } from './families.ts';

const GLOBALS = ['--output', '--directory', '--as', '--timeout', '--help'];

/** Each path of words with what may follow it. */
function wordsByPath(
  entries: readonly Entry[],
  path: readonly string[],
): ReadonlyArray<readonly [string, string]> {
  const here = [path.join(' '), entries.map((entry) => entry.name).join(' ')] as const;
  return [
    here,
    ...entries.flatMap((entry) => {
      const below = [...path, entry.name];
      if ('commands' in entry) return wordsByPath(entry.commands, below);
      const flags = [...(entry.required ?? []), ...(entry.options ?? [])].flatMap(
        ([each]) => /--[a-z-]+/.exec(each)?.[0] ?? [],
      );
      return [[below.join(' '), [...flags, ...GLOBALS].join(' ')] as const];
    }),
  ];
}

export const completionBash: Action = async ({ terminal }) => {
  const cases = wordsByPath(FAMILIES, []).map(([path, words]) => `    '${path}') words='${words}' ;;`);
  terminal.out(`_assistantctl() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path='' words='' word
  COMPREPLY=()
  case $previous in
    -o|--output) COMPREPLY=($(compgen -W 'table wide json yaml name' -- "$current")); return ;;
    -d|--directory|-c|--config|--case|-f|--input|--to|--trust|--objects) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) break ;; esac
    case "\${path:+$path }$word" in
${wordsByPath(FAMILIES, [])
  .slice(1)
  .map(([path]) => `      '${path}') path='${path}' ;;`)
  .join('\n')}
      *) break ;;
    esac
  done
  case $path in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ \${#COMPREPLY[@]} -eq 0 && $current != -* ]]; then COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -F _assistantctl assistantctl
`);
};
