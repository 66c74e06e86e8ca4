// Text of others is shown to people who decide. Whatever could move the cursor, hide or reorder what is read is
// written out as `\u{…}`; nothing is dropped silently.
const HARMFUL = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
const MARKS = /(\p{M}{4})\p{M}+/gu;
const segments = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** East Asian Wide and Fullwidth by block (Unicode TR 11), and emoji. */
const WIDE =
  /[\p{Emoji_Presentation}\u{1100}-\u{115F}\u{2E80}-\u{303E}\u{3041}-\u{A4CF}\u{A960}-\u{A97F}\u{AC00}-\u{D7A3}\u{F900}-\u{FAFF}\u{FE10}-\u{FE19}\u{FE30}-\u{FE6F}\u{FF01}-\u{FF60}\u{FFE0}-\u{FFE6}\u{16FE0}-\u{18DFF}\u{1AFF0}-\u{1B2FF}\u{1F200}-\u{1F2FF}\u{20000}-\u{3FFFD}]/u;
const COMBINING = /[\p{Mn}\p{Me}]/gu;
/** Characters that are one grapheme and one column whatever stands beside them in a text of only these. */
const PLAIN =
  /^[\u{20}-\u{7E}\u{A1}-\u{AC}\u{AE}-\u{2FF}\u{2010}-\u{2027}\u{2190}-\u{21FF}\u{2500}-\u{257F}\u{270E}]*$/u;

/** One line of untrusted text made harmless: line breaks and tabs become spaces, other controls are written out. */
export function displayText(text: string): string {
  return text
    .replaceAll(/[\t\n\r]+/g, ' ')
    .replaceAll(HARMFUL, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
    .replaceAll(MARKS, '$1')
    .trimEnd();
}

/** Columns that harmless text takes on a terminal at most. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segments.segment(text)) width += columnsOf(segment);
  return width;
}

/** 2 for a wide or emoji grapheme, else 1 for each character of it that doesn't combine. */
function columnsOf(grapheme: string): number {
  if (WIDE.test(grapheme)) return 2;
  return Math.max(1, Array.from(grapheme.replaceAll(COMBINING, '')).length);
}

/** Cuts harmless text to `width` columns; what was cut is marked with `…`, which counts. */
export function fitWidth(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (PLAIN.test(text)) return `${text.slice(0, width - 1)}…`;
  let fitted = '';
  let used = 0;
  for (const { segment } of segments.segment(text)) {
    const columns = columnsOf(segment);
    if (used + columns > width - 1) break;
    fitted += segment;
    used += columns;
  }
  return `${fitted}…`;
}
