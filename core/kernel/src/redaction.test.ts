import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRedactor } from './redaction.ts';

const redactor = createRedactor({ knownValues: ['hunter2-hunter2', 'pä/ss w"örd+1'] });
const redact = redactor.redactText;
/** Text that is random and the same in each run. */
const random = (length: number, seed = 'a', alphabet = 'base64url' as BufferEncoding): string => {
  let text = '';
  for (let index = 0; text.length < length; index += 1) {
    text += createHash('sha256').update(`${seed}${index}`).digest().toString(alphabet).replaceAll('=', '');
  }
  return text.slice(0, length);
};
const letters = (length: number, seed = 'a'): string =>
  random(length * 2, seed)
    .replaceAll(/[-_]/g, '')
    .slice(0, length);
const pem = (label: string, lines = 5): string =>
  `-----BEGIN ${label}-----\n${Array.from({ length: lines }, (_, line) => random(64, `${label}${line}`, 'base64')).join('\n')}\nAbc=\n-----END ${label}-----`;

/** Each: a text with «secret» marked, and the kind that has to hide it. */
const SECRETS: readonly (readonly [kind: string, text: string])[] = [
  ['aws-access-key', 'id «AKIAIOSFODNN7EXAMPLE» used'],
  ['secret', 'aws_secret_access_key = «wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»'],
  ['github-token', `remote «ghp_${letters(36)}» denied`],
  ['github-token', `"a\\n«github_pat_${letters(60)}»"`],
  ['gitlab-token', `«glpat-${letters(20)}»`],
  ['slack-token', '«xoxb-123456789012-abcdefGHIJ»'],
  ['slack-webhook', `https://«hooks.slack.com/services/T000/B000/${letters(24)}»`],
  ['linear-token', `«lin_api_${letters(40)}»`],
  ['authorization', 'Authorization: «Token token=y_NbAkKc66ryYTWUXYEu»'],
  ['secret', 'routing_key: «e93facc04764012d7bfb002500d5d1a6»'],
  ['jwt', `«eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.${random(43)}»`],
  ['private-key', `before «${pem('RSA PRIVATE KEY')}» after`],
  ['private-key', `«${pem('OPENSSH PRIVATE KEY')}»`],
  ['secret', `private_key: "«${pem('RSA PRIVATE KEY')}»"\n`],
  ['private-key', `«-----BEGIN PRIVATE KEY-----\n${random(64)}\nshort`],
  ['private-key', `client: «${Buffer.from(pem('EC PRIVATE KEY')).toString('base64')}»`],
  ['basic-auth', 'postgres://app:«p4ss»@db:5432/app'],
  ['basic-auth', 'https://user:«p/ss:wo»@host/path'],
  ['basic-auth', 'https://«x-oauth-0123456789abcdef»@github.com/a/b'],
  ['authorization', 'curl -H "Authorization: «Bearer abc.def»" https://h'],
  ['authorization', 'authorization: «AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=ab»\nnext'],
  ['authorization', 'sent bearer «0123456789abcdef» ok'],
  ['authorization', 'Set-Cookie: «sid=1; Path=/»\n'],
  ['secret', 'DB_PASSWORD=«hunter2»\n'],
  ['secret', '{"password":"«a \\" b, c»","user":"x"}'],
  ['secret', '{\\"client_secret\\":\\"«s3»\\"}'],
  ['secret', 'psql --password «s3cr3t» -h db'],
  ['secret', '(token=«abc,d»), next'],
  ['secret', '<password>«s3»</password>'],
  ['secret', 'GET /?access_token=«abc»&x=1'],
  ['age-key', '«AGE-SECRET-KEY-1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE»'],
  ['anthropic-key', `«sk-ant-api03-${random(90)}»`],
  ['openai-key', `«sk-proj-${random(48)}»`],
  ['openai-key', `"«sk-${letters(48)}»"`],
  ['google-key', `«AIza${letters(35)}»`],
  ['stripe-key', `«sk_live_${letters(24)}»`],
  ['vault-token', `«hvs.${letters(24)}»`],
  ['high-entropy', `value «${letters(32)}» here`],
  ['high-entropy', `value «${random(40, 'b', 'base64').replace(/=+$/, '')}==» here`],
  ['known-value', 'got «hunter2-hunter2» back'],
];

describe('secrets', () => {
  test.each(SECRETS)('%s is hidden in %s', (kind, marked) => {
    const text = marked.replaceAll(/[«»]/g, '');
    const open = marked.indexOf('«');
    const close = marked.indexOf('»');
    const hidden = `${marked.slice(0, open)}[redacted:${kind}]${close < 0 ? '' : marked.slice(close + 1)}`;
    expect(redact(text)).toBe(hidden);
    expect(redact(hidden)).toBe(hidden);
  });

  test('a known value is hidden in each of its forms', () => {
    const value = 'pä/ss w"örd+1';
    const json = JSON.stringify(value).slice(1, -1);
    const forms = [
      value,
      json,
      JSON.stringify(json).slice(1, -1),
      encodeURIComponent(value),
      encodeURIComponent(value).replaceAll('%20', '+'),
      encodeURIComponent(value).toLowerCase(),
      Buffer.from(value).toString('hex'),
      Buffer.from(value).toString('hex').toUpperCase(),
      Buffer.from(value).toString('base64'),
      Buffer.from(value).toString('base64url'),
      Buffer.from(`u:${value}`).toString('base64'),
      Buffer.from(`us:${value}x`).toString('base64'),
    ];
    for (const form of forms) expect(redact(`<< ${form} >>`)).toMatch(/^<< \[redacted:[a-z-]+\] >>$/);
  });

  test('each line of a known value with several lines is hidden', () => {
    const lines = createRedactor({ knownValues: ['first-line-1\r\n  second-line-2'] });
    expect(lines.redactText('a first-line-1 b\nsecond-line-2 c')).toBe(
      'a [redacted:known-value] b\n[redacted:known-value] c',
    );
  });

  test('any known value, anywhere, in any of the encodings, is never given out', () => {
    fc.assert(
      fc.property(
        fc
          .string({ minLength: 8, maxLength: 40, unit: 'grapheme-ascii' })
          .filter((v) => v.trim() === v && !/redacted/.test(v)),
        fc.string({ maxLength: 30 }),
        fc.string({ maxLength: 30 }),
        (value, before, after) => {
          const one = createRedactor({ knownValues: [value], entropy: false });
          const bytes = Buffer.from(value);
          for (const form of [value, JSON.stringify(value).slice(1, -1), bytes.toString('hex')]) {
            expect(
              one.redactText(`${before}${form}${after}`).slice(before.length, -after.length || undefined),
            ).not.toContain(form);
          }
          const encoded = Buffer.from(`${before}${value}${after}`).toString('base64');
          expect(one.redactText(`x ${encoded} y`)).toBe('x [redacted:known-value] y');
        },
      ),
    );
  });

  test('an own pattern is hidden, and one that can not work is refused', () => {
    const own = createRedactor({
      patterns: [{ kind: 'acme', prefixes: ['acme-'], charset: 'upper', min: 4 }],
    });
    expect(own.redactText('acme-AB12 acme-x')).toBe('[redacted:acme] acme-x');
    expect(() =>
      createRedactor({ patterns: [{ kind: 'A b', prefixes: ['xx'], charset: 'url', min: 4 }] }),
    ).toThrow(/kind/);
    expect(() =>
      createRedactor({ patterns: [{ kind: 'a', prefixes: [''], charset: 'url', min: 4 }] }),
    ).toThrow(/prefixes/);
  });
});

describe('what is public stays', () => {
  test.each([
    'commit 473f9c58b1f0b0a1a5b7c0e4d3f2a1908c7b6d5e and 9865c26',
    '550e8400-e29b-41d4-a716-446655440000',
    'plan pl_01kag3v5t8x9y2z4a6b7c8d9ef step ex_01kag3v5t8x9y2z4a6b7c8d9ef/revert-commit/1',
    `image@sha256:${createHash('sha256').update('x').digest('hex')}`,
    'hash sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    `integrity sha512-${random(86, 'i', 'base64')}==`,
    `SHA256:${random(43, 'f', 'base64')}`,
    `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${random(43, 's', 'base64')} a@b`,
    pem('CERTIFICATE'),
    pem('PUBLIC KEY'),
    `ca: ${Buffer.from(pem('CERTIFICATE')).toString('base64')}`,
    '2026-11-21T10:00:00.000Z 20261121T100000Z 1763719200000',
    '/usr/local/lib/node_modules/typescript/lib/typescriptServices.js:1234',
    'deployment/payments-api-gateway-7d9f8c6b5d-x2k4j in kube-system',
    'getUserAccountInformationByIdentifierAndRegion MAX_CONCURRENT_REQUESTS_PER_SECOND',
    'the password was wrong; basic authentication is off; bearer of news',
    'max_tokens=4096 tokens: 12 secretName: tls token_count=5 PWD=/home/me',
    'password: null token=${TOKEN} "secret":"env:DB_PASSWORD" token: file:/run/token',
    'http://localhost:8080/a@b https://git@github.com/x ssh://git@host/y',
    'trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7',
    'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p',
    '{"at":1763719200000,"labels":{"alertname":"HttpErrorsHigh","instance":"127.0.0.1:41234"}}',
  ])('%s', (text) => expect(redact(text)).toBe(text));
});

/** Pieces that patterns are made of, joined in any way. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'password',
        'token',
        'Authorization',
        'Bearer ',
        'cookie',
        '=',
        ':',
        ' ',
        '"',
        "'",
        '\\"',
        '\\',
        '\n',
        '\r',

        '://',
        '@',
        '/',
        '.',
        'eyJ',
        'eyJhbGciOiJ9',
        '-----BEGIN ',
        '-----',
        'PRIVATE KEY-----',
        '-----END ',

        'LS0tLS1CRUdJTi',
        'ghp_',
        'AKIA',
        'sk-',
        '--',
        '[redacted:',
        '[redacted:jwt]',
        ']',
        '&',
        ',',
        ';',
        '>',
        '<',
        '\t',
        'é',
        '\u2028',
        '\ud800',
        'hunter2-hunter2',
        'sha256:',
        '%3d',
        ':=',
      ),
      fc.integer({ min: 0, max: 60 }).map((length) => letters(length)),
      fc.string({ maxLength: 12 }),
    ),
    { maxLength: 40 },
  )
  .map((pieces) => pieces.join(''));

describe('any text', () => {
  test('redacting twice gives what redacting once gave', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const once = redact(text);
        expect(redact(once)).toBe(once);
      }),
      { numRuns: 3_000 },
    );
  });

  test('a stream gives what the whole text would, wherever it is cut', () => {
    fc.assert(
      fc.property(hostile, fc.array(fc.nat(200), { maxLength: 12 }), (text, cuts) => {
        const stream = redactor.stream();
        const places = [...cuts.filter((cut) => cut < text.length).toSorted((a, b) => a - b), text.length];
        let given = '';
        let from = 0;
        for (const place of places) {
          given += stream.push(text.slice(from, place));
          from = place;
        }
        expect(given + stream.end()).toBe(redact(text));
      }),
      { numRuns: 3_000 },
    );
  });

  test('the work is linear: hostile repetitions cost a constant for each character', () => {
    const seeds = [
      'eyJ',
      'eyJ.',
      'eyJhbGciOiJ9.',
      '://',
      '://a:b/',
      '://a:',
      'http://a:b',
      '-----BEGIN ',
      '-----BEGIN X-----',

      '-----BEGIN PRIVATE KEY-----',
      '-----',
      'password',
      'password ',
      'password="',
      'password=\'"',
      'token:',
      '--',

      '--token ',
      '-token ',
      'token                ',
      'token=[redacted:',
      '[redacted:x]',
      'authorization:',
      'cookie',

      'bearer ',
      'bearer a',
      'basic  ',
      'LS0tLS1CRUdJTi',
      'ghp_',
      'AKIA',
      'sk-',
      'xoxb-',
      'SG.',
      'a',
      'aB3',
      'A/',
      '=',

      '\\',
      'token=\\',
      'token="\\',
      ' ',
      '\n',
      'hunter2-hunter',
      'aHVudGVyMi1odW50',
      '@',
      ':@',
      'a@://',
      'sha256:',
    ];
    for (const seed of seeds) {
      for (const tail of ['', '\n', '"', '@', '-----']) {
        const text = seed.repeat(Math.ceil(20_000 / seed.length)) + tail;
        const { work } = redactor.scan(text);
        expect({ seed, tail, linear: work < 32 * text.length + 1_000 }).toEqual({ seed, tail, linear: true });
      }
    }
    fc.assert(
      fc.property(hostile, (piece) => {
        const text = piece.repeat(Math.min(200, Math.ceil(20_000 / (piece.length + 1))));
        expect(redactor.scan(text).work).toBeLessThan(32 * text.length + 1_000);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a stream of long lines', () => {
  test('never gives out a secret, and holds a bounded amount', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 60_000 }),
        fc.integer({ min: 1, max: 5_000 }),
        fc.constantFrom(...SECRETS.filter(([kind]) => kind !== 'private-key')),
        fc.boolean(),
        (offset, chunk, [, marked], spaced) => {
          const secret = marked.slice(marked.indexOf('«') + 1, marked.indexOf('»'));
          const filler = spaced ? 'word ' : 'wordz.';
          const text =
            filler.repeat(Math.ceil(offset / filler.length)) +
            ` ${marked.replaceAll(/[«»]/g, '')} ${filler.repeat(9_000)}`;
          const stream = redactor.stream();
          let given = '';
          for (let from = 0; from < text.length; from += chunk) {
            given += stream.push(text.slice(from, from + chunk));
            const read = Math.min(text.length, from + chunk);
            if (!given.includes('[redacted:')) expect(read - given.length).toBeLessThan(16_384 + 5_000 + 200);
          }
          given += stream.end();
          expect(given).toContain('[redacted:');
          expect(given.includes(secret) && secret.length > 3).toBe(false);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('a private key longer than the hold-back leaves its mark alone, and the text after it is given', () => {
    const key = pem('RSA PRIVATE KEY', 900);
    const text = `a\nkey: ${key}, b\nc\n`;
    for (const chunk of [1, 7, 64, 1_000, 100_000]) {
      const stream = redactor.stream();
      let given = '';
      for (let from = 0; from < text.length; from += chunk)
        given += stream.push(text.slice(from, from + chunk));
      expect(given + stream.end()).toBe('a\nkey: [redacted:private-key], b\nc\n');
    }
  });

  test('a secret without an end is dropped to the end of its line', () => {
    const stream = redactor.stream();
    const given =
      stream.push(`x password="${'s3cret '.repeat(10_000)}`) + stream.push('s3cret\nnext\n') + stream.end();
    expect(given).toBe('x password="[redacted:secret]\nnext\n');
  });
});
