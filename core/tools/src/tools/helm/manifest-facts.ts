import { ImageReference } from '../../kubernetes/kubernetes-names.ts';

/**
 * Every image that the text names. What can't be read as one is told as it stands, so that no list of images allows
 * it; a text in a ConfigMap that looks like one is told too, which may refuse too much and never too little.
 */
export function imagesOf(text: string): readonly string[] {
  const found = new Set<string>();
  for (const [, value = ''] of text.matchAll(/(?:^|[\s{,-])["']?image["']?[ \t]*:[ \t]*([^\n]*)/g)) {
    const plain = /^(?:"([^"]*)"|'([^']*)'|([^\s,}#]+))/.exec(value.trim());
    const image = plain?.[1] ?? plain?.[2] ?? plain?.[3] ?? '';
    found.add(ImageReference.safeParse(image).success ? image : `unreadable: ${value.trim().slice(0, 200)}`);
  }
  return [...found].toSorted();
}

/** The most replicas that the text asks for; null when it says nothing about them. */
export function replicasOf(text: string): number | null {
  const counts = [
    ...text.matchAll(
      /(?:^|[\s{,])["']?(?:replicas|maxReplicas|parallelism)["']?[ \t]*:[ \t]*["']?(\d{1,9})\b/g,
    ),
  ];
  return counts.length === 0 ? null : Math.max(...counts.map(([, count]) => Number(count)));
}
