import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { FromShared, SharedAnswer, SharedProcessOrder, ToShared } from './conduct-shared-process.ts';
import type { SharedProcess } from './several-processes-conformance.ts';
import type { SharedTarget } from './shared-target.ts';

const STUCK = 'A run cannot go on';

/** A program that calls `conductSharedProcess`, its arguments, and its way to what the processes share. */
export interface SharedProgram {
  readonly file: string;
  readonly args: readonly string[];
  readonly path: { cut(): void; mend(): void; close(): Promise<void> };
}

/** Starts a process of the suite and answers once its engine is open. */
export async function forkSharedProcess(
  { file, args, path }: SharedProgram,
  order: SharedProcessOrder,
  target: SharedTarget,
): Promise<SharedProcess> {
  const child = fork(file, [...args, JSON.stringify(order)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(() => path.close());
  const answers = new Map<number, PromiseWithResolvers<SharedAnswer>>();
  const toldStuck: string[] = [];
  const opened = Promise.withResolvers<void>();
  const send = (message: ToShared): void => void (child.connected && child.send(message));
  child.on('message', (message: FromShared) => {
    switch (message.kind) {
      case 'open':
        opened.resolve();
        return;
      case 'log':
        if (message.message === STUCK) toldStuck.push(message.run);
        return;
      case 'answer':
        answers.get(message.id)?.resolve(message.answer);
        return;
      case 'failed':
        answers.get(message.id)?.reject(new Error(`${message.code}: ${message.message}`));
        return;
      case 'enter':
      case 'effect': {
        const { id, run } = message;
        const visit = { process: order.name, key: message.key, epoch: message.epoch };
        const said =
          message.kind === 'enter' ? target.enter(run, visit) : Promise.resolve(target.effect(run, visit));
        void said.then((allowed) => send({ kind: 'said', id, allowed }));
      }
    }
  });
  void ended.then(() => opened.reject(new Error(`The process ${order.name} ended before it was open.`)));
  await opened.promise;
  let calls = 0;
  return {
    call: (call) => {
      calls += 1;
      const answer = Promise.withResolvers<SharedAnswer>();
      answers.set(calls, answer);
      send({ kind: 'call', id: calls, call });
      return answer.promise;
    },
    kill: (signal) => void child.kill(signal),
    cut: () => path.cut(),
    mend: () => path.mend(),
    stopped: async () => {
      while (!/^State:\s+T/m.test(await readFile(`/proc/${child.pid}/status`, 'utf8')))
        await new Promise((resolve) => setImmediate(resolve));
    },
    ended,
    toldStuck,
  };
}
