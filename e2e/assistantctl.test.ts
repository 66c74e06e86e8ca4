import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalIssuer } from '@carapulse/identity-jwt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const apps = join(import.meta.dirname, '..', 'apps');
const node = [process.execPath, '--disable-warning=ExperimentalWarning'] as const;
const root = mkdtempSync(join(tmpdir(), 'assistantctl e2e '));
const directory = join(root, '.carapulse');
let server: ChildProcess;

interface Run {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Without a terminal, standing in the directory that holds the installation. */
function run(args: readonly string[], env: Record<string, string> = {}): Run {
  return spawned(join(apps, 'assistantctl/src/main.ts'), args, env);
}

function spawned(main: string, args: readonly string[], env: Record<string, string> = {}): Run {
  const { CARAPULSE_DIRECTORY: _d, CARAPULSE_URL: _u, CARAPULSE_TOKEN: _t, ...clean } = process.env;
  const done = spawnSync(node[0], [node[1], main, ...args], {
    encoding: 'utf8',
    cwd: root,
    env: { ...clean, CARAPULSE_INVOKED_FROM: root, ...env },
    timeout: 60_000,
  });
  return { status: done.status, out: done.stdout, err: done.stderr };
}

async function start(): Promise<ChildProcess> {
  const child = spawn(
    node[0],
    [node[1], join(apps, 'carapulse/src/main.ts'), 'up', '-d', directory, '-p', '0'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  for await (const chunk of child.stdout as AsyncIterable<Buffer>)
    if (chunk.toString().includes('ready on')) break;
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

const endpoint = (): string =>
  (JSON.parse(readFileSync(join(directory, 'endpoint.json'), 'utf8')) as { url: string }).url;

/** A token of this very installation that was good an hour ago. */
async function expiredToken(): Promise<string> {
  const key = createPrivateKey(readFileSync(join(directory, 'keys/issuer.pem')));
  const fresh = readFileSync(join(directory, 'identities/alertmanager.token'), 'utf8').trim();
  const { iss } = JSON.parse(Buffer.from(fresh.split('.')[1] ?? '', 'base64url').toString()) as {
    iss: string;
  };
  const issuer = await createLocalIssuer({
    privateKeyPem: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    issuer: iss,
    audience: 'carapulse',
    clock: { nowMs: () => Date.now() - 3_600_000, monotonicMs: () => 0 },
  });
  return issuer.mint({ sub: 'user:root', roles: ['admin'], groups: [] }, 60_000);
}

beforeAll(async () => {
  server = await start();
  const token = readFileSync(join(directory, 'identities/alertmanager.token'), 'utf8').trim();
  const alert = {
    status: 'firing',
    labels: { alertname: 'HighErrorRate', service: 'checkout', severity: 'critical' },
    annotations: { summary: 'requests fail \u001b[2J\u202e' },
    startsAt: '2026-01-01T00:00:00Z',
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'http://prometheus.example',
    fingerprint: 'f1',
  };
  const posted = await fetch(`${endpoint()}/v1/hooks/alertmanager`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      version: '4',
      groupKey: 'g',
      status: 'firing',
      receiver: 'carapulse',
      groupLabels: {},
      commonLabels: {},
      commonAnnotations: {},
      externalURL: 'http://alertmanager.example',
      truncatedAlerts: 0,
      alerts: [alert],
    }),
  });
  if (posted.status !== 202) throw new Error(`The alert was answered with ${posted.status}`);
});

afterAll(async () => {
  await stop(server);
  rmSync(root, { recursive: true, force: true });
});

describe('assistantctl with a running server', () => {
  it('lists and shows the incident that an alert opened, with hostile text made harmless', () => {
    const list = run(['incident', 'list']);
    expect(list).toMatchObject({ status: 0, err: '' });
    expect(list.out).toMatch(
      /^INCIDENT +STATUS +SEVERITY +SERVICE +AGE +TITLE\ninc_\w{26} .*critical +checkout/,
    );
    expect(list.out.split('\n').filter((line) => /[\p{Cc}\p{Cf}]/u.test(line))).toEqual([]);
    const id = run(['incident', 'list', '-o', 'name']).out.trim();
    const shown = run(['incident', 'show', id]);
    expect(shown.status).toBe(0);
    expect(shown.out).toContain('HighErrorRate');
    const body = JSON.parse(run(['incident', 'show', id, '-o', 'json']).out) as {
      alerts: Array<{ annotations: { summary: string } }>;
    };
    expect(body.alerts[0]?.annotations.summary).toContain('requests fail');
    expect(run(['incident', 'close', id]).status).toBe(2);
    expect(run(['incident', 'close', id, '--reason', 'false alarm'])).toMatchObject({
      status: 0,
      out: `Done. ${id} is closed.\n`,
    });
  });

  it('halts, tells so, resumes, and finds both in the trail', () => {
    expect(run(['halt']).status).toBe(2);
    const halted = run(['halt', '--reason', 'drill']);
    expect(halted.status).toBe(0);
    expect(halted.out).toContain('drill');
    expect(run(['halt', '--show', '-o', 'name']).out).toBe('*\n');
    expect(run(['resume', '--reason', 'over'])).toMatchObject({ status: 0, err: 'Nothing is halted.\n' });
    expect(run(['audit', 'list', '--action', 'halt.set', '-o', 'name']).out).toMatch(/^\d+\n$/);
  });

  it('proves the audit trail and says where the key lies', () => {
    const verified = run(['audit', 'verify']);
    expect(verified.status).toBe(0);
    expect(verified.out).toMatch(/^ok: \d+ records, each linked and genuine under the key\n/);
    expect(verified.out).toContain(join(directory, 'keys/audit-chain.key'));
    expect(verified.out).toContain('not yet protected against a cut');
  });

  it('reads all pages when it exports', () => {
    const lines = run(['audit', 'export']).out.trimEnd().split('\n');
    const seqs = lines.map((line) => (JSON.parse(line) as { seq: number }).seq);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    expect(seqs.length).toBeGreaterThan(2);
  });

  it('refuses a wrong identity, a wrong token, a bad cursor and wrong use by their exit statuses', async () => {
    const nobody = run(['--as', 'nobody', 'plan', 'list']);
    expect(nobody.status).toBe(4);
    expect(nobody.err).toContain('There is no identity nobody');
    const remote = run(['plan', 'list'], { CARAPULSE_URL: endpoint(), CARAPULSE_TOKEN: 'a.b.c' });
    expect(remote.status).toBe(4);
    expect(remote.out).toBe('');
    const expired = run(['plan', 'list'], {
      CARAPULSE_URL: endpoint(),
      CARAPULSE_TOKEN: await expiredToken(),
    });
    expect(expired).toMatchObject({ status: 4, out: '' });
    expect(expired.err).toContain('expired');
    const cursor = run(['incident', 'list', '--cursor', 'bogus']);
    expect(cursor).toMatchObject({ status: 2, out: '' });
    expect(cursor.err).toContain('not one of this list');
    expect(run(['plan', 'lst']).status).toBe(2);
    expect(run(['plan', 'list', '--limit', 'many']).status).toBe(2);
    expect(run(['plan', 'show', `pl_${'0'.repeat(26)}`]).status).toBe(1);
    expect(run(['--timeout', '1s', 'approval', 'watch']).status).toBe(124);
  });

  it('needs no identity to be chosen where one person is, and names none twice', () => {
    const status = run(['status', '-o', 'json']);
    expect(status.status).toBe(0);
    expect(JSON.parse(status.out)).toMatchObject({ ready: true, url: endpoint(), awaiting_approval: [] });
  });

  it('shows the named workflows, and names the field that one does not take', () => {
    expect(run(['workflow', 'list', '-o', 'name']).out.split('\n')).toContain('revert-commit');
    const shown = run(['workflow', 'show', 'revert-commit']);
    expect(shown).toMatchObject({ status: 0 });
    expect(shown.out).toMatch(/^ {2}commit +string, required +The commit to take back$/m);
    const start = (...set: string[]) =>
      run(['workflow', 'start', ...set.flatMap((each) => ['--set', each]), 'revert-commit', '-r', 'a try']);
    const wrong = start('repository=shop', 'comit=abc');
    expect(wrong).toMatchObject({ status: 2, out: '' });
    expect(wrong.err).toContain('/input/comit: there is no field comit here');
    expect(wrong.err).toContain('revert-commit does not take this input: /commit: ');
    writeFileSync(join(root, 'input.yaml'), `repository: shop\ncommit: ${'a'.repeat(40)}\n`);
    const unconfigured = run(['workflow', 'start', 'revert-commit', '-f', 'input.yaml', '-r', 'a try']);
    expect(unconfigured).toMatchObject({ status: 1, out: '' });
    expect(unconfigured.err).toContain('git.revert_preview is not configured here; add connectors.git');
    expect(run(['workflow', 'start', 'revert', '-f', 'input.yaml', '-r', 'a try']).err).toContain(
      'there is no workflow revert; there are: ',
    );
    expect(run(['workflow', 'start', 'revert-commit', '-f', 'input.yaml']).status).toBe(2);
  });

  it('completes words in bash', () => {
    const script = run(['completion', 'bash']).out;
    const typed = `${script}\nCOMP_WORDS=(assistantctl plan app); COMP_CWORD=2; _assistantctl; echo "\${COMPREPLY[@]}"`;
    expect(spawnSync('bash', ['-c', typed], { encoding: 'utf8' }).stdout.trim()).toBe('approve');
  });
});

describe('assistantctl with a stopped server', () => {
  it('says so, and what to run; halts all the same; the trail is proved by carapulse', async () => {
    await stop(server);
    const down = run(['plan', 'list']);
    expect(down).toMatchObject({ status: 1, out: '' });
    expect(down.err).toContain('carapulse up --directory');
    const verify = run(['audit', 'verify']);
    expect(verify.status).toBe(1);
    expect(verify.err).toContain(`carapulse audit verify --directory '${directory}'`);
    const proof = spawned(join(apps, 'carapulse/src/main.ts'), ['audit', 'verify', '--directory', directory]);
    expect(proof.out).toMatch(/^ok: \d+ records/);
    expect(proof.status).toBe(0);
    const halted = run(['halt', '--reason', 'while it is down']);
    expect(halted.status).toBe(0);
    expect(halted.out).toMatch(/^\* \(everything\) .* while it is down$/m);
    expect(run(['halt', '--scope', 'Production', '--reason', 'drill'])).toMatchObject({ status: 2, out: '' });
    // A trail that ends before a checkpoint that vouches for more has been cut: here by a checkpoint from the future.
    const checkpoints = readFileSync(join(directory, 'checkpoints.jsonl'), 'utf8');
    writeFileSync(join(directory, 'checkpoints.jsonl'), checkpoints.replaceAll(/"seq":\d+/g, '"seq":9999'));
    const forged = spawned(join(apps, 'carapulse/src/main.ts'), [
      'audit',
      'verify',
      '--directory',
      directory,
    ]);
    expect(forged.status).toBe(7);
    expect(forged.out).toContain('FAULT forged_checkpoint');
    writeFileSync(join(directory, 'checkpoints.jsonl'), checkpoints);
  });

  it('finds no installation where there is none', () => {
    const nowhere = run(['-d', join(root, 'nothing'), 'plan', 'list']);
    expect(nowhere.status).toBe(1);
    expect(nowhere.err).toContain(join(root, 'nothing'));
  });

  it('takes up the halt when it starts again', async () => {
    server = await start();
    expect(run(['halt', '--show']).out).toContain('while it is down');
  });
});
