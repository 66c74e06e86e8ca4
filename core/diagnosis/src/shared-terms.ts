/** What an error text and a diff have in common. */
export interface SharedTerms {
  /** Words and numbers of the errors that stand in lines the commit added or removed. */
  readonly changed: readonly string[];
  /** Those that stand only in unchanged lines beside them, such as the name of the section. */
  readonly nearby: readonly string[];
}

// Words that errors of every kind use tell nothing about which change caused one.
const COMMON = new Set(
  (
    'about after again because before being between cannot could does done error errors exception fail failed failure ' +
    'fatal from have http into invalid more must null only over request response retry return returned should some ' +
    'status than that then there this through true false undefined unexpected until when while will with within ' +
    'without answer answered available not did the and for was are but can has its out'
  ).split(' '),
);

/**
 * Compares errors with a unified diff, as text. `ignored` are words that cannot tell changes apart, such as the name of
 * the service. Both sides are untrusted; nothing in them is interpreted.
 */
export function sharedTerms(
  errors: readonly string[],
  diff: string,
  ignored: readonly string[],
): SharedTerms {
  const wanted = terms(errors.join('\n'));
  for (const word of ignored) for (const term of terms(word)) wanted.delete(term);
  const changed = new Set<string>();
  const nearby = new Set<string>();
  for (const line of diff.split('\n')) {
    const kind = lineKind(line);
    if (kind === 'header') continue;
    for (const term of terms(line.slice(1))) {
      if (wanted.has(term)) (kind === 'changed' ? changed : nearby).add(term);
    }
  }
  return {
    changed: [...changed].toSorted(),
    nearby: [...nearby].filter((term) => !changed.has(term)).toSorted(),
  };
}

function lineKind(line: string): 'changed' | 'context' | 'header' {
  if (/^(\+\+\+ |--- |@@|diff |index |new file|deleted file|similarity|rename )/.test(line)) return 'header';
  return line.startsWith('+') || line.startsWith('-') ? 'changed' : 'context';
}

function terms(text: string): Set<string> {
  const found = text.toLowerCase().match(/[a-z]{3,}|\d{2,}/g) ?? [];
  return new Set(found.filter((term) => !COMMON.has(term)));
}
