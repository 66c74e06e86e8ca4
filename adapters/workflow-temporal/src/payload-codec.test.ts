import { describe, expect, test } from 'vitest';
import { defaultPayloadConverter } from '@temporalio/common';
import { createPayloadCodec } from './payload-codec.ts';
import { payloadConverter, RefusedPayload } from './refused-payload.ts';

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const payload = { metadata: { encoding: text('json/plain') }, data: text('{"password":"hunter2"}') };

describe('payload codec', () => {
  const codec = createPayloadCodec({ current: 'a', keys: { a: key(1) } });

  test('what is sealed holds nothing in clear, differs each time, and opens to the same', async () => {
    const [one, two] = await codec.encode([payload, payload]);
    if (one === undefined || two === undefined) throw new Error('nothing was encoded');
    const seen = Buffer.from(one.data ?? []).toString('latin1') + JSON.stringify(one.metadata);
    expect(seen).not.toMatch(/hunter2|password|json\/plain/);
    expect(Buffer.from(one.data ?? []).equals(Buffer.from(two.data ?? []))).toBe(false);
    expect(await codec.decode([one])).toEqual([payload]);
  });

  test('an earlier key still opens what it sealed, and only the current one seals', async () => {
    const [old] = await codec.encode([payload]);
    const rotated = createPayloadCodec({ current: 'b', keys: { a: key(1), b: key(2) } });
    if (old === undefined) throw new Error('nothing was encoded');
    expect(await rotated.decode([old])).toEqual([payload]);
    const [fresh] = await rotated.encode([payload]);
    await expect(codec.decode([fresh ?? {}])).rejects.toThrow(/key b, which is not configured/);
  });

  test('a payload that is plain, changed, or sealed under another name is refused', async () => {
    const [sealed] = await codec.encode([payload]);
    if (sealed === undefined) throw new Error('nothing was encoded');
    await expect(codec.decode([payload])).rejects.toThrow(/json\/plain, not encrypted/);
    await expect(codec.decode([{}])).rejects.toThrow(/plain, not encrypted/);
    const data = Buffer.from(sealed.data ?? []);
    for (const index of [0, 12, 28, data.length - 1]) {
      const changed = Buffer.from(data);
      changed[index] = (changed[index] ?? 0) ^ 1;
      await expect(codec.decode([{ ...sealed, data: changed }])).rejects.toMatchObject({ code: 'forbidden' });
    }
    const twoNames = createPayloadCodec({ current: 'a', keys: { a: key(1), c: key(1) } });
    const renamed = { ...sealed, metadata: { ...sealed.metadata, 'encryption-key-id': text('c') } };
    await expect(twoNames.decode([renamed])).rejects.toThrow(/was changed/);
  });

  test('for the sandbox what is refused is marked with the reason, and an unknown key is still thrown', async () => {
    const marking = createPayloadCodec({ current: 'a', keys: { a: key(1) } }, 'marked');
    const [marked] = await marking.decode([payload]);
    expect(new TextDecoder().decode(marked?.metadata?.['encoding'] ?? undefined)).toBe('carapulse/refused');
    expect(new TextDecoder().decode(marked?.data ?? undefined)).toMatch(/json\/plain, not encrypted/);
    expect(() => defaultPayloadConverter.fromPayload(marked ?? {})).toThrow(/carapulse\/refused/);
    expect(payloadConverter.fromPayload(marked ?? {})).toBeInstanceOf(RefusedPayload);
    const [foreign] = await createPayloadCodec({ current: 'b', keys: { b: key(2) } }).encode([payload]);
    await expect(marking.decode([foreign ?? {}])).rejects.toThrow(/key b, which is not configured/);
  });

  test('a key of the wrong size and a missing current key are refused by name', () => {
    expect(() => createPayloadCodec({ current: 'a', keys: { a: new Uint8Array(16) } })).toThrow(
      /key a has 16 bytes/,
    );
    expect(() => createPayloadCodec({ current: 'x', keys: { a: key(1) } })).toThrow(/no payload key x/);
  });
});
