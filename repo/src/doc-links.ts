import { posix } from 'node:path';
import type { Repository } from './repository.ts';

const LINK = /\[[^\]]*\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g;

/** Relative links of Markdown files that lead to no file, folder or heading. */
export function docLinkFaults(repository: Repository): readonly string[] {
  const folders = new Set(repository.files.flatMap(parents));
  return repository.files
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) =>
      [...withoutCode(repository.read(path)).matchAll(LINK)].flatMap(([, target = '']) => {
        if (/^[a-z]+:/.test(target)) return [];
        const [file = '', anchor] = target.split('#');
        const to = file === '' ? path : posix.join(posix.dirname(path), file).replace(/\/$/, '');
        if (!repository.files.includes(to) && !folders.has(to))
          return [`${path} links ${target}, which is not there`];
        if (anchor === undefined || !to.endsWith('.md') || headings(repository.read(to)).includes(anchor))
          return [];
        return [`${path} links ${target}; ${to} has no such heading`];
      }),
    );
}

function parents(path: string): readonly string[] {
  const folder = posix.dirname(path);
  return folder === '.' ? ['.'] : [folder, ...parents(folder)];
}

function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');
}

/** Anchors of headings, by the rule of the common Git hosts. */
function headings(text: string): readonly string[] {
  return [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  );
}
