import type { ActivityHandler, DurableEngine } from '../durable-engine.ts';
import type { ChildOrder } from './durable-engine-conformance.ts';
import type { OnHeard } from './probe-machine.ts';

/** What a child process does; the adapter's child program calls it and ends when it returns. */
export async function conductChild(
  order: ChildOrder,
  open: (onHeard: OnHeard, work: ActivityHandler) => Promise<DurableEngine>,
  ports: { readonly append: (line: string) => void; readonly kill: () => void },
): Promise<void> {
  const { generation, run, input, kill } = order;
  let effects = 0;
  const onHeard: OnHeard = (heardRun, told, count) => {
    ports.append(`${generation} heard ${heardRun} ${count} ${told}`);
    if (kill?.kind === 'heard' && heardRun === (kill.run ?? run) && count === kill.count) ports.kill();
  };
  const engine = await open(onHeard, async (_, { key }) => {
    if (kill?.kind === 'activity' && key === `${run}/${kill.key}/1`) ports.kill();
    ports.append(`${generation} ran ${key}`);
    effects += 1;
    if (kill?.kind === 'effect' && effects === kill.count) ports.kill();
    return {};
  });
  if (kill?.kind === 'after') setTimeout(ports.kill, kill.ms);
  await engine.recover();
  await engine.signal(run, 'the-signal', 'go', {});
  await engine.start(run, 'probe', input);
  const end = await engine.wait(run, AbortSignal.timeout(60_000));
  ports.append(`${generation} ended ${JSON.stringify(end)}`);
  await engine.close(1000);
}
