import { looksMarked } from '../key-mark.ts';
import { plainLine, plainText } from '../plain-text.ts';

/** Title of a pull or merge request. */
export const RequestTitle = plainLine(200);

/** Body of a pull or merge request; the mark with the key is ours to add. */
export const RequestBody = plainText(20_000).refine(
  (text) => !looksMarked(text),
  'a body without “carapulse:”, which marks what a step made',
);

const SHOWN = 4000;

/** As much of a text of others as a result carries. */
export function shownText(text: string | null | undefined): { readonly text: string; readonly cut: boolean } {
  const whole = text ?? '';
  return { text: whole.slice(0, SHOWN).toWellFormed(), cut: whole.length > SHOWN };
}
