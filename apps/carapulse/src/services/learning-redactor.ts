import { createRedactor, type Redactor } from '@carapulse/kernel';

/** The one redactor of a process. Secrets that it comes to hold later are taught to it before they are used. */
export interface LearningRedactor extends Redactor {
  readonly learn: (secrets: readonly string[]) => void;
}

export function createLearningRedactor(secrets: readonly string[]): LearningRedactor {
  let known = [...secrets];
  let current = createRedactor({ knownValues: known });
  return {
    learn: (more) => {
      known = [...known, ...more];
      current = createRedactor({ knownValues: known });
    },
    redactText: (text) => current.redactText(text),
    redactJson: (value) => current.redactJson(value),
    stream: () => current.stream(),
    scan: (text) => current.scan(text),
  };
}
