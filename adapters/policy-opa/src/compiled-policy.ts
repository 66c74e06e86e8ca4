/**
 * One bundle compiled to WebAssembly, ready to decide. Owner: `OpaPolicy`. Speaks OPA's ABI 1.2+ (`opa_eval`).
 *
 * Invariants:
 * 1. One evaluation at a time; it never yields, so two cannot overlap.
 * 2. Each evaluation starts from the heap as it was after the data document was loaded; nothing of one input
 *    is left for the next.
 * 3. After any trap or abort the instance is unfit and the owner must drop it.
 * 4. Memory never grows over the limit.
 */
import { AppError } from '@carapulse/kernel';
import { CALENDAR_BUILTINS } from './calendar-builtins.ts';

const PAGE_BYTES = 65_536;

type PolicyExports = {
  opa_eval: (
    reserved: number,
    entrypoint: number,
    data: number,
    input: number,
    inputLength: number,
    heap: number,
    format: number,
  ) => number;
  opa_malloc: (size: number) => number;
  opa_json_parse: (address: number, length: number) => number;
  opa_json_dump: (value: number) => number;
  opa_heap_ptr_get: () => number;
  opa_heap_ptr_set: (address: number) => void;
  opa_heap_blocks_stash: () => void;
  builtins: () => number;
  opa_wasm_abi_version?: WebAssembly.Global;
  opa_wasm_abi_minor_version?: WebAssembly.Global;
};

export class CompiledPolicy {
  readonly #exports: PolicyExports;
  readonly #memory: WebAssembly.Memory;
  readonly #dataAddress: number;
  readonly #baseHeap: number;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  readonly #builtins: ReadonlyMap<number, string>;

  /** @throws AppError `unavailable` for another ABI, an unknown builtin, or data that does not fit. */
  constructor(module: WebAssembly.Module, data: unknown, maxMemoryBytes: number) {
    this.#memory = new WebAssembly.Memory({ initial: 5, maximum: Math.floor(maxMemoryBytes / PAGE_BYTES) });
    const builtin = (id: number, _context: number, ...args: number[]) => this.#callBuiltin(id, args);
    const instance = new WebAssembly.Instance(module, {
      env: {
        memory: this.#memory,
        opa_abort: (address: number) => {
          throw new AppError('unavailable', `The policy aborted: ${this.#text(address)}`);
        },
        opa_println: () => {},
        opa_builtin0: builtin,
        opa_builtin1: builtin,
        opa_builtin2: builtin,
        opa_builtin3: builtin,
        opa_builtin4: builtin,
      },
    });
    // Sound once the ABI's version is known, which is read first.
    this.#exports = instance.exports as PolicyExports;
    const major: unknown = this.#exports.opa_wasm_abi_version?.value;
    const minor: unknown = this.#exports.opa_wasm_abi_minor_version?.value;
    if (major !== 1 || typeof minor !== 'number' || minor < 2) {
      throw new AppError(
        'unavailable',
        `The policy was compiled for ABI ${String(major)}.${String(minor)}; 1.2 is needed`,
      );
    }
    this.#builtins = this.#readBuiltins();
    this.#dataAddress = this.#load(JSON.stringify(data));
    this.#exports.opa_heap_blocks_stash();
    this.#baseHeap = this.#exports.opa_heap_ptr_get();
  }

  /**
   * The value of the entrypoint for `inputJson`, or undefined when no rule defines it.
   * @throws AppError or RuntimeError when the policy traps or aborts; drop the instance then.
   */
  evaluate(inputJson: string): unknown {
    const input = this.#encoder.encode(inputJson);
    const heap = this.#write(this.#baseHeap, input);
    const result = this.#exports.opa_eval(0, 0, this.#dataAddress, this.#baseHeap, input.length, heap, 0);
    const answers = JSON.parse(this.#text(result)) as readonly { readonly result: unknown }[];
    return answers[0]?.result;
  }

  #write(address: number, bytes: Uint8Array): number {
    const end = address + bytes.length;
    const missing = end - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
    new Uint8Array(this.#memory.buffer, address, bytes.length).set(bytes);
    return end;
  }

  #load(json: string): number {
    const bytes = this.#encoder.encode(json);
    const address = this.#exports.opa_malloc(bytes.length);
    new Uint8Array(this.#memory.buffer, address, bytes.length).set(bytes);
    const value = this.#exports.opa_json_parse(address, bytes.length);
    if (value === 0) throw new AppError('unavailable', 'OPA refused a JSON document of its host');
    return value;
  }

  #readBuiltins(): ReadonlyMap<number, string> {
    const ids = JSON.parse(this.#text(this.#exports.opa_json_dump(this.#exports.builtins()))) as Readonly<
      Record<string, number>
    >;
    const builtins = new Map<number, string>();
    for (const [name, id] of Object.entries(ids)) {
      if (!CALENDAR_BUILTINS.has(name)) {
        throw new AppError('unavailable', `The policy calls ${name}, which is not evaluated here`);
      }
      builtins.set(id, name);
    }
    return builtins;
  }

  #callBuiltin(id: number, args: readonly number[]): number {
    const evaluate = CALENDAR_BUILTINS.get(this.#builtins.get(id) ?? '');
    const [argument] = args;
    if (evaluate === undefined || argument === undefined || args.length !== 1) {
      throw new AppError('unavailable', `The policy called builtin ${id} in a way its host does not know`);
    }
    const result = evaluate(this.#text(this.#exports.opa_json_dump(argument)));
    return result === undefined ? 0 : this.#load(result);
  }

  #text(address: number): string {
    const bytes = new Uint8Array(this.#memory.buffer);
    const end = bytes.indexOf(0, address >>> 0);
    return this.#decoder.decode(bytes.subarray(address >>> 0, end));
  }
}
