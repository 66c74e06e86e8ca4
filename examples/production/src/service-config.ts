import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVICE_CONFIG_PATH } from './configuration.ts';

/** What the checkout service reads from the repository. */
export interface ServiceConfig {
  readonly currency: string;
  readonly maxItems: number;
  readonly inventoryPath: string;
  readonly inventoryTimeoutMs: number;
}

/**
 * Loads the configuration of one release strictly: an unknown, missing or mistyped key is an error that names it.
 * @throws Error with the file and the key.
 */
export function loadServiceConfig(releaseDirectory: string): ServiceConfig {
  const file = join(releaseDirectory, SERVICE_CONFIG_PATH);
  try {
    return parseServiceConfig(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new Error(`${SERVICE_CONFIG_PATH}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function parseServiceConfig(value: unknown): ServiceConfig {
  const root = section(value, '', ['service', 'currency', 'limits', 'upstreams', 'features']);
  if (root['service'] !== 'checkout') throw new Error('service must be "checkout"');
  const limits = section(root['limits'], 'limits', ['max_items', 'max_body_bytes']);
  integer(limits['max_body_bytes'], 'limits.max_body_bytes', 1, 1_048_576);
  const upstreams = section(root['upstreams'], 'upstreams', ['inventory']);
  const inventory = section(upstreams['inventory'], 'upstreams.inventory', ['path', 'timeout_ms']);
  const features = section(root['features'], 'features', ['gift_wrap', 'express_delivery']);
  for (const [name, flag] of Object.entries(features)) {
    if (typeof flag !== 'boolean') throw new Error(`features.${name} must be true or false`);
  }
  return {
    currency: text(root['currency'], 'currency', /^[A-Z]{3}$/),
    maxItems: integer(limits['max_items'], 'limits.max_items', 1, 500),
    inventoryPath: text(inventory['path'], 'upstreams.inventory.path', /^\/[a-z/]*$/),
    inventoryTimeoutMs: integer(inventory['timeout_ms'], 'upstreams.inventory.timeout_ms', 1, 60_000),
  };
}

function section(value: unknown, name: string, keys: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${name === '' ? 'the file' : name} must be an object`);
  }
  const entries = Object.entries(value);
  const prefix = name === '' ? '' : `${name}.`;
  for (const [key] of entries) if (!keys.includes(key)) throw new Error(`${prefix}${key} is unknown`);
  for (const key of keys) if (!Object.hasOwn(value, key)) throw new Error(`${prefix}${key} is missing`);
  return Object.fromEntries(entries);
}

function integer(value: unknown, name: string, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw new Error(`${name} must be a whole number from ${least} to ${most}`);
  }
  return value;
}

function text(value: unknown, name: string, pattern: RegExp): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw new Error(`${name} must match ${pattern}`);
  return value;
}
