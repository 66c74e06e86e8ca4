/** Shorter values would hide half of every text; they are only hidden where a name or a pattern tells. */
export const MIN_KNOWN_LENGTH = 6;

export interface KnownForm {
  readonly text: string;
  /** Base64 forms hide the whole run they stand in, since its ends hold bits of the value. */
  readonly isBase64: boolean;
}

/**
 * The forms in which a known value may show: as it is, JSON-escaped, URL-encoded (both cases, space as `+`), hex and
 * base64 at any alignment. Of a value with several lines each line counts as a value, since logs cut at lines.
 */
export function knownForms(values: readonly string[]): readonly KnownForm[] {
  const forms = new Map<string, KnownForm>();
  const add = (text: string, isBase64 = false): void => {
    if (text.length >= MIN_KNOWN_LENGTH && !forms.has(text)) forms.set(text, { text, isBase64 });
  };
  for (const raw of values) {
    const value = raw.toWellFormed();
    const lines = value.split(/[\r\n]+/).map((line) => line.trim());
    for (const text of lines.length > 1 ? lines : [value])
      if (text.length >= MIN_KNOWN_LENGTH) addPlain(text, add);
    if (value.length >= MIN_KNOWN_LENGTH) addEncoded(value, add);
  }
  return [...forms.values()];
}

function addPlain(text: string, add: (text: string, isBase64?: boolean) => void): void {
  add(text);
  addEncoded(text, add);
}

function addEncoded(value: string, add: (text: string, isBase64?: boolean) => void): void {
  const json = JSON.stringify(value).slice(1, -1);
  if (!/[\r\n]/.test(json)) add(json);
  add(json.replaceAll('/', '\\/'));
  add(JSON.stringify(json).slice(1, -1));
  const url = encodeURIComponent(value);
  const lower = url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  const strict = url.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  for (const form of [url, lower, strict]) {
    add(form);
    add(form.replaceAll('%20', '+'));
  }
  const bytes = Buffer.from(value, 'utf8');
  add(bytes.toString('hex'));
  add(bytes.toString('hex').toUpperCase());
  for (const core of base64Cores(bytes)) {
    add(core, true);
    add(core.replaceAll('+', '-').replaceAll('/', '_'), true);
  }
}

/** What base64 shows of the bytes wherever they begin in a longer text: the digits that hold only their bits. */
function base64Cores(bytes: Buffer): readonly string[] {
  const cores: string[] = [];
  for (let offset = 0; offset < 3; offset += 1) {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    const first = Math.ceil((offset * 8) / 6);
    const last = Math.floor(((offset + bytes.length) * 8) / 6);
    const core = text.slice(first, last);
    // Six digits are 36 bits: fewer would hit by chance.
    if (core.length >= 6) cores.push(core);
  }
  return cores;
}
