import { AppError, sha256Hex } from '@carapulse/kernel';
import { egressTo, urlBelow } from '../../http-connector.ts';
import { PROXY_MARK } from '../../sandbox.ts';
import type { SandboxFile } from '../../sandbox.ts';
import { withMirror } from '../git/with-mirror.ts';
import type { HelmRuntime } from './chart-source.ts';
import type { ArtifactRef, WantedRelease } from './helm-input.ts';

const MAX_BYTES = 500_000;

/** The values as files, in the order in which helm takes them: what is set inline wins. */
export async function valuesFiles(
  runtime: HelmRuntime,
  { values_ref: ref, set }: Pick<WantedRelease, 'values_ref' | 'set'>,
): Promise<readonly SandboxFile[]> {
  const { scratch } = runtime;
  return [
    ...(ref === undefined
      ? []
      : [{ path: `${scratch}/values-ref.yaml`, text: await fetchArtifact(runtime, ref) }]),
    // JSON is YAML.
    ...(set === undefined ? [] : [{ path: `${scratch}/values-set.yaml`, text: `${JSON.stringify(set)}\n` }]),
  ];
}

/** The text of an artefact. @throws AppError `plan_stale` (`checksum_differs`) when it is another one. */
export async function fetchArtifact(runtime: HelmRuntime, ref: ArtifactRef): Promise<string> {
  const text =
    ref.kind === 'git_path' ? await fromRepository(runtime, ref) : await fromObjectStore(runtime, ref);
  const what = ref.kind === 'git_path' ? `${ref.path} of ${ref.repository} at ${ref.revision}` : ref.key;
  if (Buffer.byteLength(text) > MAX_BYTES) throw tooLong(what);
  const found = `sha256:${sha256Hex(text)}`;
  if (found !== ref.sha256) {
    throw new AppError(
      'plan_stale',
      `Values ${what} have checksum ${found}, not ${ref.sha256}. Nothing was written.`,
      {
        details: { class: 'permanent', effect: 'none', reason: 'checksum_differs' },
      },
    );
  }
  if (text.includes(PROXY_MARK))
    throw unusable(`Values ${what} hold ${PROXY_MARK}, which would be replaced.`);
  return text;
}

async function fromRepository(
  runtime: HelmRuntime,
  { repository, path, revision }: Extract<ArtifactRef, { kind: 'git_path' }>,
): Promise<string> {
  const git = { ...runtime, settings: { repositories: runtime.settings.repositories } };
  return await withMirror(git, repository, undefined, async (mirror) => {
    await mirror.assertHas(revision);
    const blob = `${revision}:${path}`;
    const found = await mirror.call({ args: ['cat-file', '-s', blob] });
    if (found.exitCode !== 0) {
      throw new AppError('not_found', `${repository} has no ${path} at ${revision}.`, {
        details: { class: 'permanent', effect: 'none', reason: 'values_unknown' },
      });
    }
    if (Number(found.stdout) > MAX_BYTES) throw tooLong(path);
    return await mirror.git('cat-file', 'blob', blob);
  });
}

async function fromObjectStore(
  runtime: HelmRuntime,
  { key }: Extract<ArtifactRef, { kind: 'object_store' }>,
): Promise<string> {
  const { objects } = runtime.settings;
  if (objects === undefined) {
    throw new AppError(
      'not_found',
      'connectors.helm.objects is not set, so no values come from an object store.',
      {
        details: { class: 'permanent', effect: 'none', reason: 'values_unknown' },
      },
    );
  }
  const answer = await runtime.http({
    method: 'GET',
    url: urlBelow(objects.url, `/${key}`),
    headers: objects.headers,
    egress: egressTo(objects.url, objects.egress),
  });
  if (answer.status === 200 && !answer.truncated) return answer.body;
  if (answer.truncated) throw tooLong(key);
  const retryable = answer.status >= 500 || answer.status === 429;
  throw new AppError(
    answer.status === 404 ? 'not_found' : 'tool_failed',
    `The object store answered ${answer.status} for ${key}.`,
    {
      retryable,
      details: { class: retryable ? 'transient' : 'permanent', effect: 'none', reason: 'values_unknown' },
    },
  );
}

function tooLong(what: string): AppError {
  return unusable(`Values ${what} are longer than ${MAX_BYTES} bytes.`);
}

function unusable(message: string): AppError {
  return new AppError('invalid_input', message, {
    details: { class: 'permanent', effect: 'none', reason: 'values_unusable' },
  });
}
