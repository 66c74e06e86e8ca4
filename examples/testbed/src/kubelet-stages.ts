/**
 * What the nodes and pods of the cluster do, as kwok's stages. The tag of a container's image says how it fails:
 * `-crash`, `-oom`, `-unready`, `-nopull`, `-slow[seconds]`, `-late[seconds]`; docs/testbed.md has the table.
 */

/** A fault, and its seconds, in the tag of an image; `1.1.0-slow30` and `1.1.0-crash.2` have one, `re-crashed` has none. */
export const FAULTY_IMAGE = ':[^/@]*-(crash|oom|unready|nopull|slow|late)([0-9]*)([.@_-]|$)';
export const NOT_READY_ANNOTATION = 'testbed/not-ready';

const SLOW_SECONDS = 5;
const LATE_SECONDS = 10;

interface Requirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

interface Step {
  readonly when: readonly Requirement[];
  readonly delay?: { readonly durationMilliseconds?: number; readonly expressionFrom?: string };
  readonly event?: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };
  readonly status?: string;
  readonly remove?: true;
}

const exists = (key: string): Requirement => ({ key, operator: 'Exists' });
const absent = (key: string): Requirement => ({ key, operator: 'DoesNotExist' });
/** jq that says true or false. */
const holds = (key: string): Requirement => ({ key, operator: 'In', values: ['true'] });

function stage(kind: 'Node' | 'Pod', name: string, { when, delay, event, status, remove }: Step): object {
  const { expressionFrom, durationMilliseconds } = delay ?? {};
  return {
    apiVersion: 'kwok.x-k8s.io/v1alpha1',
    kind: 'Stage',
    metadata: { name },
    spec: {
      resourceRef: { apiGroup: 'v1', kind },
      selector: { matchExpressions: when },
      ...(delay === undefined
        ? {}
        : {
            delay: {
              durationMilliseconds: durationMilliseconds ?? 0,
              ...(expressionFrom === undefined ? {} : { durationFrom: { expressionFrom } }),
            },
          }),
      next: {
        ...(event === undefined ? {} : { event }),
        ...(status === undefined ? {} : { statusTemplate: status }),
        ...(remove === undefined ? {} : { finalizers: { empty: true }, delete: true }),
      },
    },
  };
}

/** The containers with their statuses and faults, as jq: `{fault, seconds, status}`. */
const CONTAINERS = `[.status.containerStatuses as $statuses | .spec.containers[] | . as $c
  | ([.image | match(${JSON.stringify(FAULTY_IMAGE)}).captures] | first) as $found
  | {fault: ($found[0].string // ""), seconds: ($found[1].string // ""),
     status: ([($statuses // [])[] | select(.name == $c.name)] | first)}]`;
const anyContainer = (condition: string) => holds(`${CONTAINERS} | any(.[]; ${condition})`);
const noContainer = (condition: string) => holds(`${CONTAINERS} | any(.[]; ${condition}) | not`);
const secondsOf = (fault: string, unless: number) =>
  `${CONTAINERS} | map(select(.fault == "${fault}") | .seconds | if . == "" then ${unless} else tonumber end) | "\\(max)s"`;

const CRASHES = '(.fault == "crash" or .fault == "oom") and .status.state.running != null';
/** Fails the first time after its seconds, then at once, as `-crash` does. */
const CRASHES_LATE = '.fault == "late" and .status.state.running != null and .status.restartCount == 0';
const CRASHES_AGAIN = '.fault == "late" and .status.state.running != null and .status.restartCount > 0';

/** `$fault` of a container `$c`, and `$was`, its status until now. */
const EACH_CONTAINER = `{{ range $index, $c := .spec.containers }}
{{ $fault := regexReplaceAll ".*${FAULTY_IMAGE}.*" $c.image "\${1}" }}
{{ if eq $fault $c.image }}{{ $fault = "" }}{{ end }}
{{ $was := dict "restartCount" 0 }}
{{ if $root.status.containerStatuses }}{{ $was = index $root.status.containerStatuses $index }}{{ end }}
- name: {{ $c.name | Quote }}
  image: {{ $c.image | Quote }}
  imageID: ""`;
const CONTAINER_STATUSES = (body: string) => `containerStatuses:\n${EACH_CONTAINER}\n${body}\n{{ end }}`;
/** Whatever the stage isn't about stays as it was. */
const UNCHANGED = `  ready: {{ $was.ready }}
  started: {{ or $was.started false }}
  restartCount: {{ $was.restartCount }}
  state: {{ toJson $was.state }}
  lastState: {{ toJson (or $was.lastState dict) }}`;

const START = `{{ $now := Now }}
{{ $root := . }}`;

function conditions(ready: string): string {
  return `{{ $unready := list }}
{{ range .spec.containers }}{{ if not (${ready}) }}{{ $unready = append $unready .name }}{{ end }}{{ end }}
{{ $verdict := dict "status" "True" "reason" nil "message" nil "lastTransitionTime" $now }}
{{ if $unready }}
{{ $message := printf "containers with unready status: [%s]" (join " " $unready) }}
{{ $verdict = dict "status" "False" "reason" "ContainersNotReady" "message" $message "lastTransitionTime" $now }}
{{ end }}
conditions:
- {{ toJson (set (deepCopy $verdict) "type" "Ready") }}
- {{ toJson (set (deepCopy $verdict) "type" "ContainersReady") }}`;
}

const INITIALIZED = `- type: PodReadyToStartContainers
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
- type: Initialized
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ range .spec.readinessGates }}
- type: {{ .conditionType | Quote }}
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ end }}`;

const INIT_CONTAINERS = `initContainerStatuses:
{{ range .spec.initContainers }}
- image: {{ .image | Quote }}
  imageID: ""
  name: {{ .name | Quote }}
  ready: true
  restartCount: 0
  {{ if eq (or .restartPolicy "") "Always" }}
  started: true
  state: {running: {startedAt: {{ $now | Quote }}}}
  {{ else }}
  started: false
  state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}
  {{ end }}
{{ end }}`;

const PLACED = `hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
startTime: {{ $now | Quote }}`;
const READY_AT_START = `not (regexMatch ":[^/@]*-(crash|oom|unready|nopull|slow)[0-9]*([.@_-]|$)" .image)`;

const RUN = `${START}
${conditions(READY_AT_START)}
${INITIALIZED}
${CONTAINER_STATUSES(`  ready: {{ not (has $fault (list "crash" "oom" "unready" "slow")) }}
  started: true
  restartCount: 0
  state: {running: {startedAt: {{ $now | Quote }}}}`)}
${INIT_CONTAINERS}
${PLACED}
podIP: {{ PodIPWith .spec.nodeName (or .spec.hostNetwork false) (or .metadata.uid "") (or .metadata.name "") (or .metadata.namespace "") | Quote }}
phase: Running`;

const NOT_PULLED = (reason: string, message: string) => `${START}
${conditions('false')}
${INITIALIZED}
${CONTAINER_STATUSES(`  ready: false
  started: false
  restartCount: 0
  {{ if eq $fault "nopull" }}
  state: {waiting: {reason: ${reason}, message: {{ printf ${JSON.stringify(message)} $c.image | Quote }}}}
  {{ else }}
  state: {waiting: {reason: ContainerCreating}}
  {{ end }}`)}
${PLACED}
phase: Pending`;

/** How the program of a container ends: `$end`. */
const END = `{{ $end := dict "exitCode" 1 "reason" "Error" "startedAt" $was.state.running.startedAt "finishedAt" $now }}
{{ if eq $fault "oom" }}{{ $end = merge (dict "exitCode" 137 "reason" "OOMKilled") $end }}{{ end }}`;
const FAULT_ENDS = '{{ if and (has $fault (list "crash" "oom" "late")) $was.state.running }}';

const CRASH = `${START}
${conditions('not (regexMatch ":[^/@]*-(crash|oom|late|unready)[0-9]*([.@_-]|$)" .image)')}
${CONTAINER_STATUSES(`{{ $times := add $was.restartCount 1 }}
${FAULT_ENDS}
${END}
{{ $wait := min 300 (mul 5 (index (list 2 4 8 16 32 60) (min 5 (sub $times 1)))) }}
  ready: false
  started: false
  restartCount: {{ $times }}
  lastState: {{ toJson (dict "terminated" $end) }}
  state:
    waiting:
      reason: CrashLoopBackOff
      message: {{ printf "back-off %ds restarting failed container=%s pod=%s_%s(%s)" $wait $c.name $root.metadata.name $root.metadata.namespace $root.metadata.uid | Quote }}
{{ else }}
${UNCHANGED}
{{ end }}`)}`;

const FAIL = `${START}
${conditions('false')}
${CONTAINER_STATUSES(`${FAULT_ENDS}
${END}
  ready: false
  started: false
  restartCount: {{ $was.restartCount }}
  state: {{ toJson (dict "terminated" $end) }}
{{ else }}
${UNCHANGED}
{{ end }}`)}
phase: Failed`;

const RESTART = `${START}
${CONTAINER_STATUSES(`{{ if eq (dig "waiting" "reason" "" $was.state) "CrashLoopBackOff" }}
  ready: false
  started: true
  restartCount: {{ $was.restartCount }}
  lastState: {{ toJson $was.lastState }}
  state: {running: {startedAt: {{ $now | Quote }}}}
{{ else }}
${UNCHANGED}
{{ end }}`)}`;

const BECOME_READY = `${START}
${conditions('not (regexMatch ":[^/@]*-(crash|oom|unready)[0-9]*([.@_-]|$)" .image)')}
${CONTAINER_STATUSES(`{{ if eq $fault "slow" }}
  ready: true
  started: true
  restartCount: {{ $was.restartCount }}
  state: {{ toJson $was.state }}
{{ else }}
${UNCHANGED}
{{ end }}`)}`;

const COMPLETE = `${START}
${CONTAINER_STATUSES(`  ready: false
  started: false
  restartCount: {{ $was.restartCount }}
  state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $was.state.running.startedAt | Quote }}, finishedAt: {{ $now | Quote }}}}`)}
phase: Succeeded`;

const LIVES = absent('.metadata.deletionTimestamp');
const NEW = [LIVES, absent('.status.podIP')];
const RUNNING = [LIVES, { key: '.status.phase', operator: 'In', values: ['Running'] } as const];
const RESTARTS = holds('.spec.restartPolicy != "Never"');
const BACK_OFF = {
  type: 'Warning',
  reason: 'BackOff',
  message: 'Back-off restarting failed container',
} as const;
const A_MOMENT = { durationMilliseconds: 500 };

const POD_STAGES = [
  stage('Pod', 'pod-pull-fails', {
    when: [...NEW, absent('.status.containerStatuses'), anyContainer('.fault == "nopull"')],
    event: { type: 'Warning', reason: 'Failed', message: 'Failed to pull image: not found' },
    status: NOT_PULLED('ErrImagePull', 'failed to pull and unpack image "%s": not found'),
  }),
  stage('Pod', 'pod-pull-backs-off', {
    when: [...NEW, anyContainer('.status.state.waiting.reason == "ErrImagePull"')],
    delay: A_MOMENT,
    event: { type: 'Normal', reason: 'BackOff', message: 'Back-off pulling image' },
    status: NOT_PULLED('ImagePullBackOff', 'Back-off pulling image "%s"'),
  }),
  stage('Pod', 'pod-starts', {
    when: [...NEW, noContainer('.fault == "nopull" or .fault == "unready"')],
    event: { type: 'Normal', reason: 'Started', message: 'Started container' },
    status: RUN,
  }),
  stage('Pod', 'pod-starts-unready', {
    when: [...NEW, anyContainer('.fault == "unready"'), noContainer('.fault == "nopull"')],
    event: {
      type: 'Warning',
      reason: 'Unhealthy',
      message: 'Readiness probe failed: HTTP probe failed with statuscode: 503',
    },
    status: RUN,
  }),
  stage('Pod', 'pod-becomes-ready', {
    when: [
      ...RUNNING,
      anyContainer('.fault == "slow" and .status.state.running != null and .status.ready == false'),
    ],
    delay: { expressionFrom: secondsOf('slow', SLOW_SECONDS) },
    status: BECOME_READY,
  }),
  stage('Pod', 'pod-crashes', {
    when: [...RUNNING, RESTARTS, anyContainer(`(${CRASHES}) or (${CRASHES_AGAIN})`)],
    delay: A_MOMENT,
    event: BACK_OFF,
    status: CRASH,
  }),
  stage('Pod', 'pod-crashes-late', {
    when: [...RUNNING, RESTARTS, anyContainer(CRASHES_LATE)],
    delay: { expressionFrom: secondsOf('late', LATE_SECONDS) },
    event: BACK_OFF,
    status: CRASH,
  }),
  stage('Pod', 'pod-restarts', {
    when: [...RUNNING, anyContainer('.status.state.waiting.reason == "CrashLoopBackOff"')],
    // As the kubelet: 10 s, doubled each time, at most 5 minutes.
    delay: {
      expressionFrom: `[.status.containerStatuses[].restartCount] | max | "\\([300, 5 * pow(2; .)] | min)s"`,
    },
    event: { type: 'Normal', reason: 'Started', message: 'Started container' },
    status: RESTART,
  }),
  stage('Pod', 'pod-fails', {
    when: [...RUNNING, holds('.spec.restartPolicy == "Never"'), anyContainer(CRASHES)],
    delay: A_MOMENT,
    status: FAIL,
  }),
  stage('Pod', 'pod-completes', {
    when: [
      ...RUNNING,
      holds('any(.metadata.ownerReferences[]?; .kind == "Job")'),
      noContainer('.status.ready != true'),
    ],
    status: COMPLETE,
  }),
  stage('Pod', 'pod-goes', { when: [exists('.metadata.deletionTimestamp')], remove: true }),
];

const READY = '.status.conditions.[] | select(.type == "Ready") | .status';
const TOLD_NOT_READY = `(.metadata.annotations[${JSON.stringify(NOT_READY_ANNOTATION)}] // "") == "true"`;

const NODE_READY = `{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
  message: {{ .message | Quote }}
  reason: {{ .reason | Quote }}
  status: {{ .status | Quote }}
  type: {{ .type | Quote }}
{{ end }}
nodeInfo:
  architecture: amd64
  bootID: ""
  containerRuntimeVersion: {{ printf "kwok-%s" Version }}
  kernelVersion: {{ printf "kwok-%s" Version }}
  kubeProxyVersion: ""
  kubeletVersion: {{ printf "kwok-%s" Version }}
  machineID: ""
  operatingSystem: linux
  osImage: ""
  systemUUID: ""
phase: Running`;

const NODE_NOT_READY = `{{ $now := Now }}
conditions:
- lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
  message: "container runtime is down"
  reason: KubeletNotReady
  status: "False"
  type: Ready`;

const NODE_STAGES = [
  stage('Node', 'node-becomes-ready', {
    when: [{ key: READY, operator: 'NotIn', values: ['True'] }, holds(`(${TOLD_NOT_READY}) | not`)],
    status: NODE_READY,
  }),
  stage('Node', 'node-becomes-not-ready', {
    when: [{ key: READY, operator: 'In', values: ['True'] }, holds(TOLD_NOT_READY)],
    status: NODE_NOT_READY,
  }),
];

/** kwok's configuration: documents of YAML, each of them JSON. */
export function kubeletStages(): string {
  return [...NODE_STAGES, ...POD_STAGES].map((each) => JSON.stringify(each)).join('\n---\n');
}
