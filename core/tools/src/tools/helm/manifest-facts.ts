import { ImageReference } from '../../kubernetes/kubernetes-names.ts';

/** The most that a plan can say; more than any limit allows. */
const MOST_REPLICAS = 100_000;

/** Keys that a line doesn't tell: with escapes, by an alias, with a question mark, or merged from elsewhere. */
const UNTOLD_KEY =
  /(?:^|[\n{,])[ \t]*(?:- +)*("[^"\n]*\\[^"\n]*"[ \t]*:|\*[^\s,{}[\]]+[ \t]+:|\?[ \t\n]|["']?<<["']?[ \t]*:)[^\n]*/g;

/**
 * Every image that the text names. What can't be read as one is told as it stands, so that no list of images allows
 * it; a text in a ConfigMap that looks like one is told too, which may refuse too much and never too little. `keyed`:
 * where each line is YAML, so that keys which can't be read count as well.
 */
export function imagesOf(text: string, keyed = text): readonly string[] {
  const found = new Set<string>();
  for (const [, value = ''] of text.matchAll(/(?:^|[\s{,-])["']?image["']?[ \t]*:[ \t]*([^\n]*)/g)) {
    const plain = /^(?:"([^"]*)"|'([^']*)'|([^\s,}#]+))/.exec(value.trim());
    const image = plain?.[1] ?? plain?.[2] ?? plain?.[3] ?? '';
    found.add(ImageReference.safeParse(image).success ? image : unreadable(value));
  }
  for (const [line] of keyed.matchAll(UNTOLD_KEY)) found.add(unreadable(line));
  return [...found].toSorted();
}

/** The most replicas that the text asks for, `MOST_REPLICAS` where it can't be read; null when it says nothing of them. */
export function replicasOf(text: string, keyed = text): number | null {
  const counts = [
    ...text.matchAll(
      /(?:^|[\s{,])["']?(?:replicas|maxReplicas|parallelism)["']?[ \t]*:(?=\s|["'])[ \t]*(?:#[^\n]*)?([^\n]*)(?=(?:\n\s*([^\n]*))?)/g,
    ),
  ].flatMap(([, value = '', next = '']) => countOf(value.trim(), next));
  if (new RegExp(UNTOLD_KEY).test(keyed)) counts.push(MOST_REPLICAS);
  return counts.length === 0 ? null : Math.max(...counts);
}

/** What YAML may read as a number in another way than we do counts as the most there can be. */
function countOf(value: string, next: string): number[] {
  if (/^(?:null|~|"")?(?:[ \t,}]|$)/.test(value)) {
    // Entries below are a schema, or the next field; a scalar on a line of its own is a count.
    return value === '' && next !== '' && !/^(?:["']?[\w./-]+["']?[ \t]*:|[-#])/.test(next)
      ? [MOST_REPLICAS]
      : [];
  }
  if (value.startsWith('{')) return [];
  const digits = /^(["']?)(0|[1-9]\d{0,5})\1[ \t]*(?:[,}].*|[ \t]#.*)?$/.exec(value)?.[2];
  return [digits === undefined ? MOST_REPLICAS : Math.min(MOST_REPLICAS, Number(digits))];
}

function unreadable(text: string): string {
  return `unreadable: ${text.trim().slice(0, 200)}`;
}
