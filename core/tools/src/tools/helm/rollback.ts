import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { goBack } from './go-back.ts';
import { effectsOf, open } from './helm-action.ts';
import { RepairInput, RollbackInput } from './helm-input.ts';
import type { HelmSettings } from './helm-settings.ts';
import { ROLLBACK_LABEL } from './release-mark.ts';
import { observeWrite, outputOfWrite, WriteOutput } from './release-write.ts';

/** Goes back to a recorded revision; also from one that this very run left pending. */
export const rollback = defineAction<HelmSettings, RollbackInput, WriteOutput>({
  name: 'rollback',
  description: 'Rolls a release back to a recorded revision',
  kind: 'write',
  repeat: 'observable',
  revision: 1,
  input: RollbackInput,
  output: WriteOutput,
  effects: effectsOf,
  transports: [
    {
      kind: 'cli',
      program: 'helm',
      run: (input, runtime) =>
        goBack(open(runtime, input, 'cli'), input, {
          execution: runtime.idempotencyKey.split('/')[0] ?? '',
          repairs: false,
        }),
    },
  ],
  observe: (input, runtime) => observeWrite(open(runtime, input, 'http'), input, ROLLBACK_LABEL),
  readBack: (input, runtime) => outputOfWrite(open(runtime, input, 'http'), input, ROLLBACK_LABEL),
  commands: commandOf,
  timeoutMs: 600_000,
  maxOutputBytes: 16_000_000,
});

/** Puts right what a killed helm of one execution left pending; what others left is theirs. */
export const repairPending = defineAction<HelmSettings, RepairInput, WriteOutput>({
  name: 'repair_pending',
  description: 'Rolls back a release that a run of Carapulse left pending',
  kind: 'write',
  repeat: 'observable',
  revision: 1,
  input: RepairInput,
  output: WriteOutput,
  effects: effectsOf,
  transports: [
    {
      kind: 'cli',
      program: 'helm',
      run: ({ execution, ...input }, runtime) =>
        goBack(open(runtime, input, 'cli'), input, { execution, repairs: true }),
    },
  ],
  observe: (input, runtime) => observeWrite(open(runtime, input, 'http'), input, ROLLBACK_LABEL),
  readBack: (input, runtime) => outputOfWrite(open(runtime, input, 'http'), input, ROLLBACK_LABEL),
  commands: commandOf,
  timeoutMs: 600_000,
  maxOutputBytes: 16_000_000,
});

function commandOf({ cluster, namespace, release, to_revision: to }: RollbackInput): string[] {
  return [
    shellLine([
      'helm',
      `--kube-context=${cluster}`,
      `--namespace=${namespace}`,
      'rollback',
      release,
      String(to),
    ]),
  ];
}
