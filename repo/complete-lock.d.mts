export interface Platform {
  readonly os: readonly string[];
  readonly cpu: readonly string[];
  readonly libc?: readonly string[];
}
export interface Lock {
  readonly packages: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}
export interface MissingPackage {
  readonly owner: string;
  readonly name: string;
  readonly version: string;
}
export function platformOf(name: string): Platform | null;
export function isSupported(platform: Platform): boolean;
export function missingOptional(lock: Lock): MissingPackage[];
export function completed(lock: Lock): { lock: Lock; added: string[] };
