/** Finds many literals in one pass; see createLiteralScanner. */
export interface LiteralScanner {
  /** Calls `visit(index of the literal, end of the hit)` for each occurrence, by end, longer literals first. */
  scan(text: string, visit: (literal: number, end: number) => void): void;
}

/**
 * Aho and Corasick's automaton, made deterministic over the literals' own alphabet: one table look-up a character
 * whatever the text, so time is linear in the text. With `foldCase` ASCII letters match in both cases.
 */
export function createLiteralScanner(literals: readonly string[], foldCase: boolean): LiteralScanner {
  const alphabet = new Map<number, number>();
  const codesOf = literals.map((literal) => {
    const text = foldCase ? literal.toLowerCase() : literal;
    return Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
  });
  for (const codes of codesOf) {
    for (const code of codes) if (!alphabet.has(code)) alphabet.set(code, alphabet.size + 1);
  }
  const width = alphabet.size + 1;
  const ascii = asciiClasses(alphabet, foldCase);
  const { next, outputs } = buildAutomaton(codesOf, alphabet, width);
  // Asked for each character, so a byte is looked up and nothing divided.
  const ends = new Uint8Array(next.length);
  for (const [index, hits] of outputs.entries()) if (hits !== undefined) ends[index * width] = 1;

  return {
    scan: (text, visit) => {
      let state = 0;
      for (let index = 0; index < text.length; index += 1) {
        const code = text.charCodeAt(index);
        const letter = code < 128 ? (ascii[code] as number) : (alphabet.get(code) ?? 0);
        state = next[state + letter] as number;
        if (ends[state] !== 0) {
          const hits = outputs[state / width];
          if (hits !== undefined) for (const hit of hits) visit(hit, index + 1);
        }
      }
    },
  };
}

function asciiClasses(alphabet: ReadonlyMap<number, number>, foldCase: boolean): Uint16Array {
  const ascii = new Uint16Array(128);
  for (const [code, letter] of alphabet) if (code < 128) ascii[code] = letter;
  if (foldCase) for (let code = 65; code <= 90; code += 1) ascii[code] = ascii[code + 32] ?? 0;
  return ascii;
}

/** States are numbered by their row in `next` (multiples of `width`); `outputs` is indexed by state / width. */
function buildAutomaton(
  codesOf: readonly (readonly number[])[],
  alphabet: ReadonlyMap<number, number>,
  width: number,
): { next: Int32Array; outputs: (number[] | undefined)[] } {
  const states = codesOf.reduce((sum, codes) => sum + codes.length, 1);
  const next = new Int32Array(states * width);
  const outputs: (number[] | undefined)[] = Array.from({ length: states });
  let used = 1;
  for (const [literal, codes] of codesOf.entries()) {
    if (codes.length === 0) continue;
    let state = 0;
    for (const code of codes) {
      const slot = state + (alphabet.get(code) ?? 0);
      if (next[slot] === 0) {
        next[slot] = used * width;
        used += 1;
      }
      state = next[slot] ?? 0;
    }
    (outputs[state / width] ??= []).push(literal);
  }
  const fail = new Int32Array(used);
  const queue: number[] = [];
  for (let letter = 1; letter < width; letter += 1) if (next[letter] !== 0) queue.push(next[letter] ?? 0);
  for (let head = 0; head < queue.length; head += 1) {
    const state = queue[head] ?? 0;
    const back = fail[state / width] ?? 0;
    const inherited = outputs[back / width];
    if (inherited !== undefined) outputs[state / width] = [...(outputs[state / width] ?? []), ...inherited];
    for (let letter = 1; letter < width; letter += 1) {
      const child = next[state + letter] ?? 0;
      if (child === 0) {
        next[state + letter] = next[back + letter] ?? 0;
      } else {
        fail[child / width] = next[back + letter] ?? 0;
        queue.push(child);
      }
    }
  }
  return { next: next.slice(0, used * width), outputs: outputs.slice(0, used) };
}
