import { z } from 'zod';

/** What we read of the API's objects; tolerant, since a server may be newer than we are. */
const Texts = z.record(z.string(), z.string()).default({});

export const ManagedField = z.object({
  manager: z.string().default(''),
  operation: z.string().default(''),
  subresource: z.string().default(''),
  fieldsV1: z.unknown(),
});

export const Metadata = z.object({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string(),
  resourceVersion: z.string().default(''),
  generation: z.int().default(0),
  creationTimestamp: z.string().nullish(),
  deletionTimestamp: z.string().nullish(),
  labels: Texts,
  annotations: Texts,
  ownerReferences: z
    .array(
      z.object({
        apiVersion: z.string(),
        kind: z.string(),
        name: z.string(),
        uid: z.string(),
        controller: z.boolean().default(false),
      }),
    )
    .default([]),
  managedFields: z.array(ManagedField).default([]),
});
export type Metadata = z.infer<typeof Metadata>;

const RawCondition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(''),
  message: z.string().default(''),
  lastTransitionTime: z.string().nullish(),
});
export const Conditions = z.array(RawCondition).default([]);

export const AnyObject = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({}).optional(),
  status: z.looseObject({ conditions: Conditions.optional() }).optional(),
});
export type AnyObject = z.infer<typeof AnyObject>;

export const ObjectList = z.object({
  metadata: z.object({ continue: z.string().default('') }).default({ continue: '' }),
  // A list of none may be null.
  items: z
    .array(z.unknown())
    .nullish()
    .transform((items) => items ?? []),
});

const Resources = z
  .object({
    requests: z.record(z.string(), z.string()).default({}),
    limits: z.record(z.string(), z.string()).default({}),
  })
  .default({ requests: {}, limits: {} });
export const Container = z.object({
  name: z.string(),
  image: z.string().default(''),
  resources: Resources,
  restartPolicy: z.string().optional(),
});
export const PodSpec = z.object({
  nodeName: z.string().default(''),
  nodeSelector: Texts,
  tolerations: z.array(z.unknown()).default([]),
  containers: z.array(Container).default([]),
  initContainers: z.array(Container).default([]),
  overhead: z.record(z.string(), z.string()).default({}),
});
export type PodSpec = z.infer<typeof PodSpec>;

export const PodTemplate = z.object({
  metadata: z.object({ labels: Texts, annotations: Texts }).default({ labels: {}, annotations: {} }),
  spec: PodSpec,
});

const ContainerState = z
  .object({
    waiting: z.object({ reason: z.string().default(''), message: z.string().default('') }).optional(),
    running: z.object({ startedAt: z.string().nullish() }).optional(),
    terminated: z
      .object({
        reason: z.string().default(''),
        message: z.string().default(''),
        exitCode: z.int().default(0),
      })
      .optional(),
  })
  .default({});
export const Pod = z.object({
  metadata: Metadata,
  spec: PodSpec,
  status: z
    .object({
      phase: z.string().default(''),
      reason: z.string().default(''),
      message: z.string().default(''),
      conditions: Conditions,
      containerStatuses: z
        .array(
          z.object({
            name: z.string(),
            ready: z.boolean().default(false),
            restartCount: z.int().default(0),
            state: ContainerState,
            lastState: ContainerState,
          }),
        )
        .default([]),
    })
    .default({ phase: '', reason: '', message: '', conditions: [], containerStatuses: [] }),
});
export type Pod = z.infer<typeof Pod>;

const Count = z.int().default(0);
/** Deployments, StatefulSets and DaemonSets. */
export const Workload = z.object({
  metadata: Metadata,
  spec: z.object({
    replicas: z.int().optional(),
    paused: z.boolean().default(false),
    progressDeadlineSeconds: z.int().positive().optional(),
    selector: z.object({ matchLabels: Texts, matchExpressions: z.array(z.unknown()).default([]) }).optional(),
    template: PodTemplate,
    updateStrategy: z
      .object({
        type: z.string().default(''),
        rollingUpdate: z.object({ partition: z.int().optional() }).nullish(),
      })
      .optional(),
  }),
  status: z
    .object({
      observedGeneration: Count,
      replicas: Count,
      updatedReplicas: Count,
      readyReplicas: Count,
      availableReplicas: Count,
      currentRevision: z.string().default(''),
      updateRevision: z.string().default(''),
      desiredNumberScheduled: Count,
      currentNumberScheduled: Count,
      updatedNumberScheduled: Count,
      numberReady: Count,
      numberAvailable: Count,
      conditions: Conditions,
    })
    .prefault({}),
});
export type Workload = z.infer<typeof Workload>;
