import { IncidentSettings } from '@carapulse/incident';
import { JsonObject } from '@carapulse/kernel';
import { z } from 'zod';

const port = z.int().min(0).max(65_535);
const duration = z.int().min(1);
const loopback = z.enum(['127.0.0.1', 'localhost', '::1']);
const absolutePath = z
  .string()
  .max(1000)
  .regex(/^\/[^\0]+$/, 'an absolute path')
  .refine((path) => path.split('/').every((part) => part !== '..'), 'a path without ..');
/** Services of one installation share a machine; what they say to each other isn't encrypted. */
const serviceUrl = z
  .string()
  .regex(
    /^http:\/\/(127\.0\.0\.1|localhost|\[::1\]):\d{1,5}$|^unix:\/[^\0]+$/,
    'http://127.0.0.1:PORT or unix:/PATH',
  );
const secretReference = z.string().regex(/^(env|file):./, 'env:NAME or file:PATH');

/**
 * The one configuration file of all services. Unknown keys are refused. `connectors.<tool>` and
 * `context.services.<name>` are parsed by their own schemas as well.
 */
export const Config = z.strictObject({
  gateway: z
    .strictObject({
      /** Loopback unless an issuer of `auth` is configured. */
      host: z.string().default('127.0.0.1'),
      port: port.default(8080),
      max_body_bytes: z
        .int()
        .min(1024)
        .max(64 * 1024 * 1024)
        .default(5 * 1024 * 1024),
    })
    .prefault({}),
  storage: z
    .strictObject({
      /** A PostgreSQL 15 or newer; without it the embedded database in the installation's directory. `env:NAME` or `file:PATH`. */
      database_url: z.string().optional(),
    })
    .prefault({}),
  orchestrator: z
    .strictObject({
      automated_writes_per_service_hour: z.int().min(0).default(2),
      lease_ms: duration.default(300_000),
      /** How long after its last sign of life a process's runs are taken over by another. */
      run_lease_ms: z.int().min(2000).max(600_000).default(15_000),
      max_concurrent_investigations: z.int().min(1).max(20).default(20),
      drain_ms: duration.default(10_000),
      /** Where new runs go. Runs in flight stay where they were started, as long as `temporal` is still configured. */
      engine: z.enum(['embedded', 'temporal']).default('embedded'),
      temporal: z
        .strictObject({
          /** `host:port` of the server's frontend. */
          address: z.string().regex(/^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, 'host:port'),
          namespace: z.string().min(1).max(200).default('default'),
          /** Prefix of the task queues; installations that share a namespace need different ones. */
          task_queue: z
            .string()
            .regex(/^[A-Za-z0-9_-]{1,100}$/)
            .default('carapulse'),
          /** `env:NAME` or `file:PATH`. */
          api_key: z.string().min(1).optional(),
          /** Files in PEM. Without this section the connection isn't encrypted; the payloads always are. */
          tls: z
            .strictObject({
              ca_file: z.string().optional(),
              cert_file: z.string().optional(),
              key_file: z.string().optional(),
            })
            .refine(
              ({ cert_file, key_file }) => (cert_file === undefined) === (key_file === undefined),
              'cert_file and key_file belong together',
            )
            .optional(),
        })
        .optional(),
    })
    .refine(
      ({ engine, temporal }) => engine !== 'temporal' || temporal !== undefined,
      'engine: temporal needs the section temporal beside it, with the address of the server',
    )
    .prefault({}),
  scheduler: z
    .strictObject({
      /** How many schedules make their plans at once in one process. */
      max_concurrent_firings: z.int().min(1).max(50).default(5),
    })
    .prefault({}),
  tool_router: z
    .strictObject({
      /** `http://127.0.0.1:PORT` or `unix:PATH` of a `carapulse tool-router`, which then has the connectors; here without it. */
      url: serviceUrl.optional(),
      /** What its callers carry: `env:NAME` or `file:PATH`. Without it a key of the installation, made at first use. */
      token: secretReference.optional(),
      /** Where `carapulse tool-router` listens; loopback only. */
      host: loopback.default('127.0.0.1'),
      port: port.default(8081),
      /** How long calls may go on when it is told to stop; then they are ended and read back. */
      drain_ms: duration.default(20_000),
      memory_bytes: z
        .int()
        .min(16 * 1024 * 1024)
        .default(512 * 1024 * 1024),
      pids: z.int().min(8).default(128),
    })
    .prefault({}),
  sandbox: z
    .strictObject({
      backend: z.enum(['auto', 'bubblewrap', 'launcher']).default('auto'),
      /** `http://127.0.0.1:PORT` or `unix:PATH` of a `carapulse sandbox-exec` on this machine; here without it. */
      url: serviceUrl.optional(),
      /** What its callers carry: `env:NAME` or `file:PATH`. */
      token: secretReference.optional(),
      /** Settings of `carapulse sandbox-exec` itself, which reads nothing else of this file but `sandbox` and `telemetry`. */
      exec: z
        .strictObject({
          host: loopback.default('127.0.0.1'),
          port: port.default(8083),
          /** A unix socket in place of the port. */
          socket: absolutePath.optional(),
          /** SHA-256 of the token in hex: `printf %s "$TOKEN" | sha256sum`. */
          token_sha256: z
            .string()
            .regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits')
            .optional(),
          /** Commands see nothing outside these but the system's own directories. */
          mount_roots: z.array(absolutePath).max(50).default([]),
        })
        .prefault({}),
      /** Runs tools without any sandbox when none works. Only for a throw-away machine. */
      allow_unsandboxed: z.boolean().default(false),
      /** More directories whose programs tools may run (helm, kubectl), after those of the system; they are seen read-only. */
      program_directories: z.array(absolutePath).max(20).default([]),
    })
    .refine(
      ({ url, token }) => url === undefined || token !== undefined,
      'url needs token beside it, as `env:NAME` or `file:PATH`',
    )
    .prefault({}),
  policy: z
    .strictObject({
      /** Rollout stage: 0 read-only, 1 approvals for all writes, 2 low risk auto, 3 expanded catalogue. */
      stage: z.int().min(0).max(3).default(0),
      /** Directory of Rego files and data; the shipped rules when absent. */
      directory: z.string().optional(),
    })
    .prefault({}),
  approvals: z.strictObject({ ttl_ms: duration.default(3_600_000) }).prefault({}),
  playbooks: z.strictObject({ directory: z.string().optional() }).prefault({}),
  incidents: IncidentSettings.prefault({}),
  context: z
    .strictObject({
      tenant_id: z.string().min(1).max(253).default('default'),
      environment: z.string().min(1).max(253).default('production'),
      services: z.record(z.string(), JsonObject).default({}),
    })
    .prefault({}),
  connectors: z.record(z.string(), JsonObject).default({}),
  governance: z
    .strictObject({
      /** Requests a minute and principal, by role. */
      rate_limits: z
        .strictObject({
          admin: z.int().min(1),
          operator: z.int().min(1),
          developer: z.int().min(1),
          observer: z.int().min(1),
          anonymous: z.int().min(1),
        })
        .optional(),
    })
    .prefault({}),
  auth: z
    .strictObject({
      issuers: z
        .array(
          z.strictObject({
            issuer: z.string().min(1),
            audience: z.string().min(1),
            jwks_url: z.url(),
            service_subjects: z.array(z.string()).default([]),
          }),
        )
        .default([]),
      /** Identities of this machine; made on first start. */
      local_identities: z
        .array(
          z.strictObject({
            name: z.string().regex(/^[a-z][a-z0-9._-]{0,62}$/),
            kind: z.enum(['human', 'service']).default('human'),
            roles: z.array(z.enum(['admin', 'operator', 'developer', 'observer'])).min(1),
            groups: z.array(z.string().min(1).max(200)).default([]),
          }),
        )
        .optional(),
    })
    .prefault({}),
  telemetry: z
    .strictObject({
      log_level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
      log_format: z.enum(['json', 'text']).default('json'),
    })
    .prefault({}),
});
export type Config = z.infer<typeof Config>;
