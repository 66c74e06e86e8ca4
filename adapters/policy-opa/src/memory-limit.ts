const PAGE_BYTES = 65_536;
const MEMORY_SECTION = 5;

/**
 * Rewrites the memory section of a WebAssembly module so that its one memory cannot grow over `maxBytes`;
 * growth beyond fails inside the guest.
 * @throws Error when the module has no 32-bit memory of its own, or needs more than `maxBytes` to start.
 */
export function limitMemory(module: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  const maxPages = Math.floor(maxBytes / PAGE_BYTES);
  let at = 8;
  while (at < module.length) {
    const id = module[at];
    const [size, body] = readU32(module, at + 1);
    if (id === MEMORY_SECTION) {
      return spliceMemory(module, at, body + size, memorySection(module, body, maxPages));
    }
    at = body + size;
  }
  throw new Error('the module has no memory of its own to limit');
}

function memorySection(module: Uint8Array, body: number, maxPages: number): number[] {
  const [count, flagsAt] = readU32(module, body);
  const flags = module[flagsAt];
  if (count !== 1 || (flags !== 0 && flags !== 1)) {
    throw new Error('the module has other memories than one that is 32-bit and unshared');
  }
  const [minPages] = readU32(module, flagsAt + 1);
  if (minPages > maxPages)
    throw new Error(`the module starts with ${minPages} pages, over the limit ${maxPages}`);
  const content = [1, 1, ...writeU32(minPages), ...writeU32(maxPages)];
  return [MEMORY_SECTION, ...writeU32(content.length), ...content];
}

function spliceMemory(module: Uint8Array, from: number, to: number, section: readonly number[]) {
  const limited = new Uint8Array(module.length - (to - from) + section.length);
  limited.set(module.subarray(0, from));
  limited.set(section, from);
  limited.set(module.subarray(to), from + section.length);
  return limited;
}

function readU32(bytes: Uint8Array, at: number): [value: number, next: number] {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[at];
    if (byte === undefined) break;
    at += 1;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
  throw new Error('the module is not well-formed: an integer has no end');
}

function writeU32(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}
