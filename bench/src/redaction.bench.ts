import { createHash } from 'node:crypto';
import { createRedactor } from '@carapulse/kernel';
import { compared, type Measurement } from './measurement.ts';

/** What the peer hides: the same prefixes and names, one expression after the other. */
const EXPRESSIONS: readonly RegExp[] = [
  /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/g,
  /gh[pousr]_\w{30,}/g,
  /github_pat_\w{22,}/g,
  /gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas)-[\w.-]{16,}/g,
  /xox[abprse][-.][\w.-]{10,}/g,
  /xapp-[\w.-]{10,}/g,
  /hooks\.slack\.com\/services\/[\w/+=-]{10,}/g,
  /lin_(?:api|oauth|wh)_\w{20,}/g,
  /pd(?:us|eu)\+_[\w/+=-]{16,}/g,
  /AGE-SECRET-KEY-[\w-]{40,}/g,
  /sk-ant-[\w-]{16,}/g,
  /sk-(?:proj|svcacct|admin)-[\w-]{16,}/g,
  /\bsk-\w{32,}/g,
  /AIza[\w-]{35,}/g,
  /(?:GOCSPX-|ya29\.)[\w-]{20,}/g,
  /(?:[sr]k_(?:live|test)_|whsec_)\w{16,}/g,
  /\bhv[sbr]\.[\w-]{20,}/g,
  /\bnpm_\w{36,}/g,
  /pypi-AgE[\w-]{30,}/g,
  /\bhf_\w{30,}/g,
  /\bgl(?:sa|c)_[\w/+=-]{24,}/g,
  /do[opr]_v1_\w{32,}/g,
  /dckr_[po]at_[\w-]{20,}/g,
  /\bSG\.[\w.-]{40,}/g,
  /\bdapi\w{32,34}\b/g,
  /ATATT3[\w/+=-]{40,}/g,
  /\bpul-\w{40,}/g,
  /NRAK-[A-Z0-9]{20,}/g,
  /eyJ[\w-]{7,}\.[\w-]+\.[\w-]*/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g,
  /(?<=:\/\/[^\s:@/]{1,64}:)[^\s@/]+(?=@)/g,
  /(?<=(?:authorization|cookie)["']?\s{0,16}[:=]\s{0,16}).+/gi,
  /(?<=(?:bearer|basic) )[\w.+/=-]{8,}/gi,
  /(?<=(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)["']?\s{0,16}[:=]\s{0,16}["']?)[^\s"'&]+/gi,
];
const RUN = /[A-Za-z0-9+/_-]{20,}/g;

function naive(text: string, known: readonly string[]): string {
  let result = text;
  for (const value of known) {
    const forms = [
      value,
      encodeURIComponent(value),
      Buffer.from(value).toString('base64'),
      Buffer.from(value).toString('hex'),
    ];
    for (const form of forms) result = result.replaceAll(form, '[redacted:known-value]');
  }
  for (const expression of EXPRESSIONS) result = result.replace(expression, '[redacted:pattern]');
  return result.replace(RUN, (run) => (bits(run) > 4.3 ? '[redacted:high-entropy]' : run));
}

function bits(text: string): number {
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  let sum = 0;
  for (const count of counts.values()) sum -= (count / text.length) * Math.log2(count / text.length);
  return sum;
}

/** Log lines as tools print them; one line in `secretEvery` carries a secret. */
function sample(lines: number, secretEvery: number): string {
  const out: string[] = [];
  for (let line = 0; line < lines; line += 1) {
    const digest = createHash('sha256').update(String(line)).digest('hex');
    out.push(
      `2026-11-21T10:00:${String(line % 60).padStart(2, '0')}.000Z level=info service=payments request_id=req-${line} ` +
        `method=GET path=/api/v1/orders/${line}/items status=200 duration_ms=${line % 97} commit=${digest.slice(0, 40)} ` +
        `msg="fetched ${line % 13} items for tenant default from https://db.internal:5432/orders"`,
    );
    if (line % secretEvery === secretEvery - 1) {
      const token = createHash('sha512')
        .update(String(line))
        .digest('base64url')
        .slice(0, 40)
        .replaceAll(/[-_]/g, 'x');
      out.push(`Authorization: Bearer ${token} password=${token.slice(0, 12)} ghp_${token}`);
    }
  }
  return out.join('\n');
}

/** Best of `rounds`, in MB of text a second. */
function speed(text: string, run: (text: string) => string, rounds = 7): number {
  let best = Infinity;
  for (let round = 0; round < rounds; round += 1) {
    const startedAt = performance.now();
    run(text);
    best = Math.min(best, performance.now() - startedAt);
  }
  return text.length / 1e6 / (best / 1e3);
}

async function run(): Promise<readonly Measurement[]> {
  const known = Array.from({ length: 20 }, (_, index) =>
    createHash('sha256').update(`known${index}`).digest('base64url').slice(0, 24),
  );
  const redactor = createRedactor({ knownValues: known });
  const hostile = `${'password '.repeat(2_000)}${'eyJ'.repeat(6_000)}${'://a:b'.repeat(3_000)}`;
  const texts: readonly (readonly [metric: string, text: string])[] = [
    ['log without secrets', sample(8_000, Infinity)],
    ['log, a secret in 20 lines', sample(8_000, 20)],
    ['hostile repetitions', hostile],
  ];
  return texts.map(([metric, text]) => {
    const ours = speed(text, redactor.redactText);
    const peer = speed(text, (whole) => naive(whole, known));
    return compared(metric, ours, peer, 'MB/s', 'ratio ≥ 1');
  });
}

export const bench = { name: 'redaction', peer: 'one regular expression after the other', run };
