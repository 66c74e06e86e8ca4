import type { JsonObject } from '@carapulse/kernel';
import { describe, expect, test } from 'vitest';
import { CA, clusterWith, section } from '../../kubernetes/cluster.testing.ts';
import type { CommandResult } from '../../sandbox.ts';
import type { ToolCommand } from '../../tool-definition.ts';
import {
  apiOverKubectl,
  applyCall,
  kubectlFailure,
  patchCall,
  rawCreate,
  rawGet,
} from './api-over-kubectl.ts';
import { kubectl } from './index.ts';

const web = { kind: 'deployment', namespace: 'shop', name: 'web' } as const;
const node = { kind: 'node', namespace: null, name: 'n' } as const;

function running(result: Partial<CommandResult>) {
  const commands: ToolCommand[] = [];
  const exec = (command: ToolCommand): Promise<CommandResult> => {
    commands.push(command);
    return Promise.resolve({
      exitCode: 0,
      stdout: '{}',
      stderr: '',
      durationMs: 1,
      stoppedBy: null,
      ...result,
    });
  };
  return { commands, api: apiOverKubectl({ exec, scratch: '/s' }, clusterWith(), 'very-secret') };
}

describe('commands', () => {
  test('are whole words, with the object after the options', () => {
    expect(rawGet(clusterWith(), '/api/v1/pods', [['labelSelector', 'a in (b,c)']]).args).toEqual([
      'get',
      '--raw=/api/v1/pods?labelSelector=a+in+%28b%2Cc%29',
    ]);
    expect(rawCreate(clusterWith(), '/api/v1/namespaces/shop/pods/p/eviction', { a: 1 })).toEqual({
      args: [
        'create',
        '--raw=/api/v1/namespaces/shop/pods/p/eviction?fieldManager=carapulse',
        '--filename=-',
      ],
      stdin: '{"a":1}',
    });
    expect(patchCall('/s', web, { b: 2 }, { type: 'strategic' })).toEqual({
      args: [
        'patch',
        '--namespace=shop',
        '--type=strategic',
        '--patch-file=/s/patch.json',
        '--field-manager=carapulse',
        '--output=json',
        '--show-managed-fields',
        '--',
        'deployments.v1.apps',
        'web',
      ],
      file: { path: '/s/patch.json', text: '{"b":2}' },
    });
    expect(patchCall('/s', node, {}, { type: 'merge', dryRun: true }).args).toContain('--dry-run=server');
    expect(patchCall('/s', node, {}, { type: 'merge' }).args.join(' ')).not.toContain('--namespace');
    expect(applyCall(web, {}, false).args).not.toContain('--dry-run=server');
    expect(applyCall(web, {}, true).args).toEqual(
      expect.arrayContaining(['--server-side', '--dry-run=server']),
    );
    expect(applyCall(web, {}, false).args.join(' ')).not.toContain('force');
  });

  test('a path is put below that of the server, as kubectl does not', () => {
    const behind = clusterWith({ server: 'https://proxy.example/k8s/clusters/c-1/' });
    expect(rawGet(behind, '/api/v1/nodes', []).args).toEqual(['get', '--raw=/k8s/clusters/c-1/api/v1/nodes']);
  });

  test('run with their own configuration alone, and the token in no argument', async () => {
    const { commands, api } = running({});
    await api.get('/api/v1/nodes');
    await api.patch(web, {}, { type: 'merge' });
    for (const { argv, env, files, mounts, egress } of commands) {
      expect(argv.slice(0, 3)).toEqual(['kubectl', '--kubeconfig=/s/kubeconfig', '--cache-dir=/s/cache']);
      expect(JSON.stringify([argv, env, mounts])).not.toContain('very-secret');
      expect(env?.['HOME']).toBe('/s');
      expect(files?.[0]).toMatchObject({
        path: '/s/kubeconfig',
        text: expect.stringContaining('very-secret') as string,
      });
      expect(files?.[0]?.text).toContain(Buffer.from(CA).toString('base64'));
      expect(mounts).toEqual([{ path: '/s', mode: 'rw' }]);
      expect(egress).toEqual([{ host: 'kubernetes.example', port: 6443, addresses: 'private' }]);
    }
  });

  test('an answer that is no JSON, or an error that repeats the token, gives nothing away', async () => {
    await expect(running({ stdout: 'hello' }).api.get('/x')).rejects.toMatchObject({
      details: { reason: 'answer_no_json' },
    });
    const failed = running({ exitCode: 1, stderr: 'error: very-secret is no good' }).api.get('/x');
    await expect(failed).rejects.toMatchObject({
      message: expect.not.stringContaining('very-secret') as string,
    });
  });
});

describe('what kubectl says of a failure', () => {
  test.each([
    ['Error from server (NotFound): deployments.apps "web" not found', 404, 'permanent', 'none'],
    ['Warning: old\nError from server (Conflict): Operation cannot be fulfilled', 409, 'conflict', 'none'],
    ['Error from server (Forbidden): no', 403, 'permanent', 'none'],
    ['The Deployment "web" is invalid: spec.replicas: Invalid value: -1', 422, 'permanent', 'none'],
    ['error: Apply failed with 1 conflict: conflict with "x": .spec\nPlease review', 409, 'conflict', 'none'],
    ['error: You must be logged in to the server (Unauthorized)', 401, 'permanent', 'none'],
    ['Error from server (TooManyRequests): Cannot evict pod', 429, 'throttled', 'none'],
    ['Error from server (InternalError): boom', 500, 'transient', undefined],
    ['Error from server (Timeout): slow', 504, 'transient', undefined],
    ['Error from server: dial tcp', 500, 'transient', undefined],
    ['Error from server: admission webhook "a.b" denied the request: no', 400, 'permanent', 'none'],
    [
      'Error from server: error when patching "STDIN": admission webhook "a.b" denied the request without explanation',
      400,
      'permanent',
      'none',
    ],
    ['Error from server: failed calling webhook "a.b": denied the request', 500, 'transient', undefined],
    ['Error from server (Unheard): what', 0, 'permanent', undefined],
  ])('%j', (stderr, status, kind, effect) => {
    const error = kubectlFailure('main', { args: ['get'] }, { exitCode: 1, stderr });
    expect(error).toMatchObject({ code: 'tool_failed', details: { status, class: kind } });
    expect(error.details['effect']).toBe(effect);
    expect(error.retryable).toBe(kind === 'transient' || kind === 'throttled');
  });

  test.each([
    'Unable to connect to the server: x509: unknown authority',
    'The connection to the server a was refused',
  ])('%j is a cluster that can not be reached', (stderr) => {
    const error = kubectlFailure('main', { args: ['get'] }, { exitCode: 1, stderr });
    expect(error).toMatchObject({ code: 'unavailable', retryable: true });
    expect(error.details['effect']).toBeUndefined();
  });

  test('anything else is told with its end, and nothing is claimed of its effect', () => {
    const error = kubectlFailure('main', { args: ['patch'] }, { exitCode: null, stderr: '' });
    expect(error.message).toBe('kubectl patch on main ended with a signal: it said nothing');
    expect(error.details['effect']).toBeUndefined();
  });
});

const UID = '11111111-2222-4333-8444-555555555555';
const inputs: Readonly<Record<string, JsonObject>> = {
  get: { namespace: 'shop', kind: 'pod', name: 'web' },
  describe: { namespace: 'shop', kind: 'pod', name: 'web' },
  events: { namespace: 'shop', kind: 'pod', name: 'web', type: 'Normal' },
  logs: { namespace: 'shop', pod: 'web', container: 'web' },
  rollout_status: { namespace: 'shop', kind: 'deployment', name: 'web' },
  rollout_history: { namespace: 'shop', kind: 'deployment', name: 'web' },
  scale_preview: { namespace: 'shop', kind: 'deployment', name: 'web', replicas: 2 },
  drain_preview: { node: 'n' },
  scale: { namespace: 'shop', kind: 'deployment', name: 'web', uid: UID, from: 1, to: 2 },
  set_image: {
    namespace: 'shop',
    kind: 'deployment',
    name: 'web',
    uid: UID,
    container: 'web',
    from_image: 'web:1',
    to_image: 'web:2',
  },
  rollout_undo: {
    namespace: 'shop',
    kind: 'deployment',
    name: 'web',
    uid: UID,
    from_revision: 2,
    to_revision: 1,
    template_digest: `sha256:${'0'.repeat(64)}`,
    images: ['web:1'],
  },
  rollout_restart: {
    namespace: 'shop',
    kind: 'deployment',
    name: 'web',
    uid: UID,
    restarted_at: '2026-01-10T12:00:00Z',
  },
  cordon: { node: 'n', uid: UID },
  uncordon: { node: 'n', uid: UID },
  drain: { node: 'n', uid: UID, pods: [{ namespace: 'shop', name: 'web', uid: UID }] },
};

describe('inputs', () => {
  const actions = kubectl.actions.filter(({ name }) => !name.startsWith('apply'));

  test('there is one for each action', () => {
    expect(actions.map(({ name }) => name).toSorted()).toEqual(Object.keys(inputs).toSorted());
  });

  test.each(actions.map((action) => [action.name, action] as const))(
    '%s takes no flag, path or odd text anywhere',
    (name, action) => {
      const good = { cluster: 'main', ...inputs[name] };
      expect(action.input.safeParse(good).success).toBe(true);
      const settings = { clusters: { main: section } };
      for (const line of action.commands(action.input.parse(good), settings))
        expect(line).toMatch(/^kubectl --context=main /);
      for (const hostile of ['-rf', '--kubeconfig=/etc/x', 'a\nb', 'web ', 'wéb', 'a/../b', '']) {
        for (const [field, value] of Object.entries(good)) {
          const over = typeof value === 'string' ? hostile : [hostile];
          if (typeof value === 'number') continue;
          expect({ field, taken: action.input.safeParse({ ...good, [field]: over }).success }).toEqual({
            field,
            taken: false,
          });
        }
      }
      expect(action.input.safeParse({ ...good, force: true }).success).toBe(false);
    },
  );
});
