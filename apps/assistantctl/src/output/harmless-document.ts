import { Document, visit } from 'yaml';

// What could move a terminal's cursor or hide text; JSON itself only escapes the controls below U+0020.
const HARMFUL = /[\u007f-\u009f\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

function units(character: string): string {
  let result = '';
  for (let index = 0; index < character.length; index += 1)
    result += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  return result;
}

/** JSON that says the same and can be shown on a terminal whatever is in it. */
export function harmlessJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(HARMFUL, units);
}

/** YAML that says the same and can be shown on a terminal whatever is in it. */
export function harmlessYaml(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === 'string' && new RegExp(HARMFUL.source, 'u').test(node.value))
        node.type = 'QUOTE_DOUBLE';
    },
  });
  return document
    .toString({ lineWidth: 0 })
    .replaceAll(
      HARMFUL,
      (character) => `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`,
    );
}
