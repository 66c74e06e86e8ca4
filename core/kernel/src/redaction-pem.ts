/** One past the block that ends at `dashes`, the first five dashes after its beginning. */
export function endOfBlock(text: string, dashes: number): number {
  if (!text.startsWith('-----END ', dashes)) return dashes;
  const label = dashes + 9;
  const close = text.slice(label, lineEnd(text, label, label + 64)).indexOf('-----');
  return close < 0 ? label : label + close + 5;
}

/** One past the dashes that close the label of the block that begins at `begin`, or -1: then it is no block. */
export function endOfLabel(text: string, begin: number): number {
  const label = begin + 11;
  const close = text.slice(label, lineEnd(text, label, label + 64)).indexOf('-----');
  return close < 0 ? -1 : label + close + 5;
}

/** First line end at or after `from`, or `limit`. */
export function lineEnd(text: string, from: number, limit = text.length): number {
  const most = Math.min(limit, text.length);
  let index = from;
  while (index < most && text[index] !== '\n' && text[index] !== '\r') index += 1;
  return index;
}
