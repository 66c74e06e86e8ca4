import { AppError } from '@carapulse/kernel';
import type { Plan } from '@carapulse/plan';
import type { ActivityOutcome } from '../durable-engine.ts';

/** The same run as a person with pencil and paper would keep it: from what was heard alone, what may be asked. */
export class ReferenceScheduler {
  readonly plan: Plan;
  readonly finished = new Set<string>();
  readonly written: string[] = [];
  readonly undone: string[] = [];
  readonly attempts = new Map<string, number>();
  stopped = false;

  constructor(plan: Plan) {
    this.plan = plan;
  }

  /** Throws when `key` may not be asked for now; `others` are the keys under way. */
  mayAsk(key: string, others: readonly string[]): void {
    const [, id = '', third = '', attempt = ''] = key.split('/');
    const step = this.plan.steps.find((candidate) => candidate.step_id === id);
    if (step === undefined) return;
    if (third === 'rollback') {
      must(this.stopped, `${key} before a stop`);
      must(others.length === 0, `${key} beside ${others.join(', ')}`);
      const next = this.toUndo()[this.undone.length];
      must(id === next, `${key} where ${next} is the next to undo`);
      must(Number(attempt) === 1, `${key}, which is not the first attempt`);
      return;
    }
    must(!this.stopped, `${key} after a stop`);
    must(!this.finished.has(id), `${key} again`);
    for (const needed of step.depends_on) must(this.finished.has(needed), `${key} before ${needed}`);
    must(Number(third) === (this.attempts.get(id) ?? 0) + 1, `${key}, which skips or repeats an attempt`);
    this.attempts.set(id, Number(third));
  }

  toUndo(): readonly string[] {
    return this.written
      .filter((id) => this.plan.steps.find((step) => step.step_id === id)?.rollback.kind === 'call')
      .toReversed();
  }

  heard(key: string, outcome: ActivityOutcome): void {
    const parts = key.split('/');
    const [, id = '', third = ''] = parts;
    if (id === 'checks') return this.#heardCheck(parts, outcome);
    const step = this.plan.steps.find((candidate) => candidate.step_id === id);
    if (step === undefined) return undefined;
    if (third === 'rollback') {
      this.undone.push(id);
      return undefined;
    }
    if (outcome.kind === 'ok') {
      if (step.kind === 'write') this.written.push(id);
      if (step.verify.length === 0) this.finished.add(id);
      return undefined;
    }
    const again =
      outcome.errorClass === 'transient' && (this.attempts.get(id) ?? 0) < step.retry.max_attempts;
    if (!again) this.stopped = true;
    return undefined;
  }

  #heardCheck(parts: readonly string[], outcome: ActivityOutcome): void {
    if (this.stopped || outcome.kind !== 'ok') return;
    if (outcome.output['verdict'] === 'failed') this.stopped = true;
    else if (parts[2] === 'verify') this.finished.add(parts[3] ?? '');
  }
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new AppError('internal', `The reference scheduler does not allow ${what}.`);
}
