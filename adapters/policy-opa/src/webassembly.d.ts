/** The part of the WebAssembly JavaScript API that is used here; Node's types leave it to the DOM library. */
declare namespace WebAssembly {
  type ModuleImports = Record<string, unknown>;
  type Imports = Record<string, ModuleImports>;

  interface ImportDescriptor {
    readonly module: string;
    readonly name: string;
    readonly kind: string;
  }

  class Module {
    private readonly brand: 'module';
    static imports(module: Module): ImportDescriptor[];
  }

  class Instance {
    constructor(module: Module, imports: Imports);
    readonly exports: Record<string, unknown>;
  }

  class Memory {
    constructor(descriptor: { readonly initial: number; readonly maximum: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }

  class Global {
    private readonly brand: 'global';
    readonly value: unknown;
  }

  class RuntimeError extends Error {}

  function compile(bytes: Uint8Array): Promise<Module>;
  function instantiate(module: Module, imports: Imports): Promise<Instance>;
}
