/**
 * Makes output harmless for a terminal and visible for a reader: invalid UTF-8 becomes U+FFFD, control characters
 * their Unicode pictures (`␛[2J`), C1 controls and bidirectional overrides `⟨U+202E⟩`. New line and tab stay, and
 * CR LF is a new line; a CR alone, which would overwrite the line, becomes `␍`.
 */
export class OutputSanitizer {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #heldReturn = false;

  push(bytes: Uint8Array): string {
    return this.#clean(this.#decoder.decode(bytes, { stream: true }), false);
  }

  /** The rest, when the stream has ended. */
  end(): string {
    return this.#clean(this.#decoder.decode(), true);
  }

  #clean(decoded: string, last: boolean): string {
    let text = this.#heldReturn ? `\r${decoded}` : decoded;
    this.#heldReturn = !last && text.endsWith('\r');
    if (this.#heldReturn) text = text.slice(0, -1);
    return sanitizeOutput(text);
  }
}

// C0 but tab and new line, DEL, C1, and what reorders or hides text: ALM, LRM, RLM, line and paragraph separators,
// embeddings, overrides, isolates, and the invisible tag characters.
const HARMFUL =
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  /\r\n|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|[\u{e0000}-\u{e007f}]/gu;

/** The same for a whole text. */
export function sanitizeOutput(text: string): string {
  return text.replaceAll(HARMFUL, (found) => {
    if (found === '\r\n') return '\n';
    const code = found.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return '\u2421';
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
  });
}
