import type { JsonObject } from '@carapulse/kernel';
import { expect } from 'vitest';
import type { KubernetesWorld } from './kubernetes-world.ts';

const TRANSPORTS = ['cli', 'http'] as const;

/** An object that writes name: in the namespace, with its uid. */
export type Written = {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
};
/** One object for each transport, in the same state. */
export interface Twins {
  readonly cli: Written;
  readonly http: Written;
}

/** Asserts that both transports give the same; `world` is asked for only when a test runs. */
export class BothTransports {
  readonly #world: () => KubernetesWorld;

  constructor(world: () => KubernetesWorld) {
    this.#world = world;
  }

  /** What both answer. */
  async same(action: string, input: JsonObject): Promise<JsonObject> {
    const byCli = await this.#world().call('cli', action, input);
    expect(await this.#world().call('http', action, input)).toEqual(byCli);
    return byCli;
  }

  /** How both refuse: with the same code and details; each may word it differently. */
  async refusal(action: string, input: JsonObject, over = {}): Promise<JsonObject> {
    const [byCli, byHttp] = await Promise.all(
      TRANSPORTS.map((by) =>
        this.#world()
          .call(by, action, input, over)
          .then(
            () => ({ code: 'done', details: {}, message: '' }),
            ({ code, details, message }: { code: string; details: JsonObject; message: string }) => ({
              code,
              details,
              message,
            }),
          ),
      ),
    );
    expect({ ...byHttp, message: '' }).toEqual({ ...byCli, message: '' });
    return { ...byCli };
  }

  /** A Deployment of two pods for each transport, rolled out. */
  async twins(name: string): Promise<Twins> {
    const make = async (twin: string): Promise<Written> => {
      await this.#world().admin(`-n shop create deployment ${twin} --image=example.com/web:1 --replicas=2`);
      await this.#world().rolledOut('shop', twin);
      return {
        namespace: 'shop',
        kind: 'deployment',
        name: twin,
        uid: await this.#world().uidOf('-n', 'shop', 'deployment', twin),
      };
    };
    const [cli, http] = await Promise.all([make(`${name}-cli`), make(`${name}-http`)]);
    return { cli, http };
  }

  /** The write on each twin by its transport; the outputs are the same but for name and uid. */
  async each(
    action: string,
    twins: Twins,
    more: (twin: Written) => JsonObject | Promise<JsonObject>,
    key?: string,
  ): Promise<JsonObject> {
    const over = key === undefined ? {} : { key };
    const write = async (by: 'cli' | 'http'): Promise<JsonObject> => {
      const input = { ...twins[by], ...(await more(twins[by])) };
      const output = { ...(await this.#world().call(by, action, input, over)), name: '', uid: '' };
      expect(await this.#world().observe(action, input, key)).toBe('done');
      return output;
    };
    const byCli = await write('cli');
    expect(await write('http')).toEqual(byCli);
    return byCli;
  }
}
