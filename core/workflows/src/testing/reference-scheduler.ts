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
  /** Whose hand is on the run, what waits for it, and what it declared or ordered. */
  held: 'paused' | 'taken_over' | null = null;
  byHand: string | null = null;
  begun = false;
  readonly withheld = new Map<string, 'step' | 'check'>();
  readonly ordered = new Set<string>();
  readonly waived = new Set<string>();
  readonly completed = new Set<string>();

  constructor(plan: Plan) {
    this.plan = plan;
  }

  /** Throws when `key` may not be asked for now; `others` are the keys under way. */
  mayAsk(key: string, others: readonly string[]): void {
    const [, id = '', third = '', attempt = ''] = key.split('/');
    const step = this.plan.steps.find((candidate) => candidate.step_id === id);
    if (id === 'finish') must(this.held === null || this.byHand !== null, `${key} of a run that is held`);
    if (id === 'checks') must(this.held === null, `${key} while the run is ${this.held}`);
    if (step === undefined) return;
    const ordered = this.held === 'paused' && this.ordered.delete(id);
    must(this.held === null || ordered, `${key} while the run is ${this.held}`);
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
    if (id === 'begin') this.begun = true;
    const step = this.plan.steps.find((candidate) => candidate.step_id === id);
    if (step === undefined) return undefined;
    if (third === 'rollback') {
      this.undone.push(id);
      return undefined;
    }
    if (outcome.kind === 'ok') {
      this.completed.add(id);
      if (step.kind === 'write') this.written.push(id);
      if (step.verify.length === 0) this.finished.add(id);
      return undefined;
    }
    const again =
      outcome.errorClass === 'transient' && (this.attempts.get(id) ?? 0) < step.retry.max_attempts;
    if (!again) this.#fail(id, 'step');
    return undefined;
  }

  #heardCheck(parts: readonly string[], outcome: ActivityOutcome): void {
    if (this.stopped || outcome.kind !== 'ok') return;
    if (outcome.output['verdict'] === 'failed') this.#fail(parts[3] ?? '', 'check');
    else if (parts[2] === 'verify') this.finished.add(parts[3] ?? '');
  }

  #fail(id: string, what: 'step' | 'check'): void {
    if (this.stopped || this.held === null) this.stopped = true;
    else this.withheld.set(id, what);
  }

  /** What a person says; `underWay` are the keys that have not answered. @returns whether it was heard. */
  hear(verb: string, id: string, underWay: readonly string[]): boolean {
    if (this.byHand !== null || underWay.some((key) => key.includes('/finish/'))) return false;
    switch (verb) {
      case 'cancel':
        if (!this.stopped && this.held === 'paused') this.held = null;
        this.stopped = true;
        return true;
      case 'pause':
        if (this.held !== null) return false;
        this.held = 'paused';
        return true;
      case 'takeover':
        if (this.held === 'taken_over') return false;
        this.held = 'taken_over';
        this.ordered.clear();
        return true;
      case 'resume':
      case 'handback':
        if (this.held !== (verb === 'resume' ? 'paused' : 'taken_over')) return false;
        this.held = null;
        if (this.withheld.size > 0) this.stopped = true;
        return true;
      case 'finish_by_hand':
        if (this.held !== 'taken_over' || !this.begun) return false;
        this.byHand = id;
        return true;
      case 'retry':
        if (this.held !== 'paused' || this.stopped || this.withheld.get(id) !== 'step') return false;
        this.withheld.delete(id);
        this.ordered.add(id);
        return true;
      default:
        return this.#skip(id, underWay);
    }
  }

  #skip(id: string, underWay: readonly string[]): boolean {
    const busy = underWay.some((key) => key.startsWith(`run/${id}/`));
    if (this.held === null || this.stopped || busy) return false;
    if (this.completed.has(id) || this.waived.has(id)) return false;
    this.withheld.delete(id);
    this.ordered.delete(id);
    this.waived.add(id);
    this.finished.add(id);
    return true;
  }
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new AppError('internal', `The reference scheduler does not allow ${what}.`);
}
