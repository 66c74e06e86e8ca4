import { describe, expect, test } from 'vitest';
import { limitMemory } from './memory-limit.ts';

const HEADER = [0, 97, 115, 109, 1, 0, 0, 0];
const EXPORT_MEMORY = [7, 5, 1, 1, 109, 2, 0];
const module = (...memorySection: number[]) =>
  Uint8Array.from([...HEADER, ...memorySection, ...EXPORT_MEMORY]);
const PAGE = 65_536;

async function memoryOf(bytes: Uint8Array): Promise<WebAssembly.Memory> {
  const instance = await WebAssembly.instantiate(await WebAssembly.compile(bytes), {});
  return instance.exports['m'] as WebAssembly.Memory;
}

describe('limitMemory', () => {
  test.each([
    ['without a maximum', module(5, 3, 1, 0, 2)],
    ['with a larger maximum', module(5, 5, 1, 1, 2, 0x80, 0x02)],
  ])('a memory %s grows to the limit and no further', async (_what, bytes) => {
    const memory = await memoryOf(limitMemory(bytes, 300 * PAGE + 1));
    expect(memory.grow(298)).toBe(2);
    expect(memory.buffer.byteLength).toBe(300 * PAGE);
    expect(() => memory.grow(1)).toThrow(RangeError);
  });

  test.each([
    ['no memory', Uint8Array.from(HEADER), 'no memory'],
    ['a start over the limit', module(5, 3, 1, 0, 5), '5 pages'],
    ['a shared memory', module(5, 4, 1, 3, 1, 2), 'other memories'],
    ['a 64-bit memory', module(5, 3, 1, 4, 1), 'other memories'],
    ['two memories', module(5, 5, 2, 0, 1, 0, 1), 'other memories'],
    ['an integer without end', Uint8Array.from([...HEADER, 5, 0x80]), 'well-formed'],
  ])('%s is refused', (_what, bytes, message) => {
    expect(() => limitMemory(bytes, 4 * PAGE)).toThrow(message);
  });
});
