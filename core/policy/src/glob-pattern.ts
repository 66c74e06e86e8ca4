/**
 * Whether the whole of `text` matches `pattern`: `*` is any run of characters but `/`, `**` any run at all,
 * `?` one character but `/`, a backslash makes the next character literal. Anything else stands for itself.
 * Runs in O(pattern × text) whatever the pattern, so patterns need not be trusted.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  const tokens = tokenize(pattern);
  const points = Array.from(text);
  // open[i]: the first i tokens can match the characters read so far.
  let open = closeOver(tokens, new Set([0]));
  for (const point of points) {
    const next = new Set<number>();
    for (const at of open) {
      const token = tokens[at];
      if (token === undefined) continue;
      if (token.kind === 'any' || (token.kind === 'segment' && point !== '/')) next.add(at);
      if (token.kind === 'one' && point !== '/') next.add(at + 1);
      if (token.kind === 'literal' && token.point === point) next.add(at + 1);
    }
    if (next.size === 0) return false;
    open = closeOver(tokens, next);
  }
  return open.has(tokens.length);
}

type Token =
  | { readonly kind: 'any' }
  | { readonly kind: 'segment' }
  | { readonly kind: 'one' }
  | { readonly kind: 'literal'; readonly point: string };

function tokenize(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  const points = Array.from(pattern);
  for (let at = 0; at < points.length; at += 1) {
    const point = points[at] ?? '';
    if (point === '\\') {
      at += 1;
      // A pattern that ends in a lone backslash matches that backslash.
      tokens.push({ kind: 'literal', point: points[at] ?? '\\' });
    } else if (point === '*' && points[at + 1] === '*') {
      at += 1;
      tokens.push({ kind: 'any' });
    } else if (point === '*') tokens.push({ kind: 'segment' });
    else if (point === '?') tokens.push({ kind: 'one' });
    else tokens.push({ kind: 'literal', point });
  }
  return tokens;
}

/** Adds the positions reachable without reading a character: both stars may match nothing. */
function closeOver(tokens: readonly Token[], positions: Set<number>): Set<number> {
  for (const at of positions) {
    const kind = tokens[at]?.kind;
    // A Set visits what is added while it is walked, so a chain of stars is followed to its end.
    if (kind === 'any' || kind === 'segment') positions.add(at + 1);
  }
  return positions;
}
