import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { keyIdOf, Receipt, TrustedKey, verifyReceipt } from '@carapulse/approval';
import { createChainKey, describeChainReport, verifyChain, type AuditRow } from '@carapulse/audit';
import type { Api } from '@carapulse/client-http';
import { AppError, canonicalJson, parseInput } from '@carapulse/kernel';
import { createCheckpointFile } from '@carapulse/objects-fs';
import { displayText } from '@carapulse/plan';
import { z } from 'zod';
import { EXIT } from '../exit-codes.ts';
import { readEndpoint, readPrivate, tenantOf } from '../session/installation.ts';
import type { Session } from '../session/session.ts';
import { text, type Action } from './command.ts';
import { nextPage, pageQuery } from './pages.ts';
import { readText } from './read-text.ts';

type Details = Readonly<Record<string, unknown>>;
type AuditEvent = Api['listAuditEvents']['response']['items'][number];
const PAGE = 200;

export const listAudit: Action = async (session, _args, flags) => {
  const { client } = await session.connect('read');
  const [action, actor, subject] = [text(flags, 'action'), text(flags, 'actor'), text(flags, 'subject')];
  const { body } = await client.call('listAuditEvents', {
    query: {
      ...pageQuery(flags),
      ...(action !== undefined && { action }),
      ...(actor !== undefined && { actor_id: actor }),
      ...(subject !== undefined && { subject_id: subject }),
    },
    signal: session.signal,
  });
  const outcome = (each: AuditEvent): string => {
    const { phase, outcome: ended } = each.record as { phase?: string; outcome?: { result?: string } };
    return ended?.result ?? phase ?? '-';
  };
  session.out.list(body, body.items, {
    name: (each) => String(each.seq),
    empty: 'No records.',
    columns: [
      { title: 'SEQ', value: (each) => String(each.seq) },
      { title: 'AT', value: (each) => each.at },
      { title: 'ACTION', value: (each) => each.action },
      { title: 'RESULT', value: outcome, tone: (each) => (outcome(each) === 'ok' ? 'good' : null) },
      { title: 'BY', value: (each) => each.actor_id },
      { title: 'SUBJECT', value: (each) => each.subject_id },
      { title: 'WHAT', value: whatOf },
    ],
  });
  nextPage(session, body);
};

/** What a record says beyond who did what to whom: the tool that was called, how a step ended, the reason given. */
function whatOf({ record }: AuditEvent): string {
  const { details = {}, outcome = {} } = record as Partial<Readonly<Record<'details' | 'outcome', Details>>>;
  const of = (source: Details, key: string): string | null => {
    const value = source[key];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const tool = of(details, 'tool');
  const parts = [
    tool === null ? null : `${tool}.${of(details, 'action') ?? ''}`,
    of(details, 'step_id'),
    tool === null ? of(details, 'status') : null,
    of(details, 'verdict'),
    of(outcome, 'code'),
    of(details, 'summary') ?? of(details, 'reason') ?? of(details, 'source'),
  ];
  return parts.filter((part) => part !== null).join(' · ');
}

/** Every record from the newest backwards; those that are written meanwhile are left out. */
async function fetchRecords(session: Session): Promise<readonly AuditEvent[]> {
  const { client } = await session.connect('read');
  const events: AuditEvent[] = [];
  let cursor: string | null = null;
  do {
    const { body }: { body: Api['listAuditEvents']['response'] } = await client.call('listAuditEvents', {
      query: { limit: PAGE, ...(cursor !== null && { cursor }) },
      signal: session.signal,
    });
    events.push(...body.items);
    cursor = body.next_cursor;
    if (session.terminal.columns !== null) session.terminal.err(`\r${events.length} records read`);
  } while (cursor !== null);
  if (session.terminal.columns !== null) session.terminal.err('\n');
  return events.toReversed();
}

export const verifyAudit: Action = async (session) => {
  const directory = session.installation();
  const stopped = `\`carapulse audit verify --directory '${directory}'\``;
  await readEndpoint(directory).catch(() => {
    throw new AppError(
      'unavailable',
      `Carapulse is not running in ${directory}; the trail of a stopped one is proved by ${stopped}.`,
    );
  });
  const keyPath = join(directory, 'keys', 'audit-chain.key');
  const secret = await readPrivate(keyPath);
  const pem = await readPrivate(join(directory, 'keys', 'checkpoint.pem'));
  if (secret === null || pem === null)
    throw new AppError(
      'not_found',
      `The keys that prove the trail are not in ${join(directory, 'keys')}; verify where they are.`,
    );
  const publicKey = createPublicKey(createPrivateKey(pem));
  const checkpointsPath = join(directory, 'checkpoints.jsonl');
  // Checkpoints first: records only grow, so none that a checkpoint vouches for can be missing for being new.
  const checkpoints = await createCheckpointFile(checkpointsPath).list(session.signal);
  const events = await fetchRecords(session);
  const report = await verifyChain({
    records: rowsOf(events),
    checkpoints,
    key: createChainKey(`carapulse/${await tenantOf(directory)}`, Buffer.from(secret.trim(), 'base64')),
    publicKey: {
      keyId: keyIdOf(publicKey),
      pem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    },
    signal: session.signal,
  });
  session.out.one(
    { ...report, key: keyPath, checkpoints_file: checkpointsPath },
    report.ok ? 'ok' : 'fault',
    () => [
      ...describeChainReport(report).map((line, index) =>
        index === 0 ? session.out.paint(displayText(line), report.ok ? 'good' : 'bad') : displayText(line),
      ),
      `key         ${keyPath} (whoever has it can write records that pass; keep a copy elsewhere)`,
      `checkpoints ${checkpointsPath} (copy it off this machine to be safe from its owner)`,
      `read over   the running server, which must be believed to show all columns; ${stopped} reads the stopped database itself`,
    ],
  );
  return report.ok ? EXIT.ok : EXIT.verificationFailed;
};

async function* rowsOf(events: readonly AuditEvent[]): AsyncGenerator<AuditRow> {
  for (const { record, seq, at, action, actor_id, subject_id } of events) {
    const { mac, tenant_id: tenant } = record as { mac?: unknown; tenant_id?: unknown };
    yield {
      seq,
      at,
      action,
      actor_id,
      subject_id,
      tenant_id: String(tenant),
      record: canonicalJson(record),
      mac: String(mac),
    };
  }
}

export const exportAudit: Action = async (session, _args, flags) => {
  const lines = (await fetchRecords(session)).map((event) => `${canonicalJson(event.record)}\n`);
  const to = text(flags, 'to');
  if (to === undefined) {
    session.terminal.out(lines.join(''));
    return;
  }
  const path = resolve(session.terminal.cwd, to);
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(lines.join(''));
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new AppError('conflict', `Cannot write ${path}: ${(error as Error).message}.`, { cause: error });
  }
  session.out.note(`${lines.length} records are in ${path}.`);
};

const TrustFile = z.object({ keys: z.array(TrustedKey) });

export const verifyReceiptFile: Action = async (session, [file = ''], flags) => {
  const receipt = parseInput(Receipt, json(await readText(session, file), file), file);
  const given = { trust: text(flags, 'trust'), objects: text(flags, 'objects') };
  const trustPath =
    given.trust === undefined
      ? join(session.installation(), 'trust.json')
      : resolve(session.terminal.cwd, given.trust);
  const trust = parseInput(TrustFile, json(await readText(session, trustPath), trustPath), trustPath);
  const keys = new Map(trust.keys.map((key) => [key.key_id, key]));
  const proof = verifyReceipt(receipt, { key: (keyId) => keys.get(keyId) ?? null });
  const objects =
    given.objects !== undefined
      ? resolve(session.terminal.cwd, given.objects)
      : given.trust === undefined
        ? join(session.installation(), 'objects')
        : null;
  const findings = [...proof.findings, await evidenceFinding(receipt, objects)];
  const valid = findings.every((finding) => finding.ok);
  const { plan, execution } = receipt.body;
  const report = { valid, execution_id: execution.execution_id, plan_id: plan.plan_id, findings };
  session.out.one(report, valid ? 'valid' : 'not valid', () => [
    `${session.out.paint(valid ? 'valid' : 'NOT VALID', valid ? 'good' : 'bad')}: ${execution.execution_id} ran ${plan.plan_id} and ${displayText(execution.status)}`,
    ...session.out.table(findings, [
      { title: 'WHAT', value: (each) => each.what },
      {
        title: 'FOUND',
        value: (each) => (each.ok ? 'ok' : 'WRONG'),
        tone: (each) => (each.ok ? 'good' : 'bad'),
      },
      { title: 'DETAIL', value: (each) => each.detail },
    ]),
  ]);
  return valid ? EXIT.ok : EXIT.verificationFailed;
};

function json(content: string, path: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new AppError('invalid_input', `${path} is not JSON: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

async function evidenceFinding(
  { body: { evidence } }: Receipt,
  objects: string | null,
): Promise<{ what: string; ok: boolean; detail: string }> {
  const what = 'evidence';
  if (objects === null)
    return { what, ok: true, detail: `${evidence.length} digests, not compared (no --objects)` };
  const wrong: string[] = [];
  for (const { object_key: key, sha256 } of evidence) {
    if (key.split('/').some((part) => part === '..' || part === '')) {
      wrong.push(`${key} is no key of an object`);
      continue;
    }
    const bytes = await readFile(join(objects, key)).catch(() => null);
    if (bytes === null) wrong.push(`${key} is missing`);
    else if (createHash('sha256').update(bytes).digest('hex') !== sha256.replace(/^sha256:/, ''))
      wrong.push(`${key} was changed`);
  }
  return wrong.length === 0
    ? {
        what,
        ok: true,
        detail: `${evidence.length} of ${evidence.length} objects have the digest in the receipt`,
      }
    : { what, ok: false, detail: wrong.join('; ') };
}
