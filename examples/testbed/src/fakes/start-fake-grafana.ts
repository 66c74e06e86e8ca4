import {
  bearerOf,
  startFakeServer,
  textIn,
  type FakeReply,
  type FakeServer,
  type Handler,
} from './fake-server.ts';

/** Milliseconds since 1970, as Grafana has its times. */
export interface FakeAnnotation {
  readonly id: number;
  readonly time: number;
  readonly timeEnd: number;
  readonly text: string;
  readonly tags: readonly string[];
  readonly dashboardUID: string;
  readonly panelId: number;
}

export interface FakeDatasource {
  readonly uid: string;
  readonly name: string;
  readonly type: string;
}

/** What a query of a data source gets: a series, or what is wrong with the query. */
export type FakeSeries =
  | {
      readonly kind: 'series';
      readonly labels: Readonly<Record<string, string>>;
      readonly points: readonly (readonly [timeMs: number, value: number])[];
    }
  | { readonly kind: 'error'; readonly status: number; readonly error: string };

export interface FakeGrafana extends FakeServer {
  /** Service account tokens; `viewer` reads alone. */
  readonly tokens: { readonly editor: string; readonly viewer: string };
  readonly annotations: ReadonlyMap<number, FakeAnnotation>;
  readonly datasources: FakeDatasource[];
  /** The answer to a query's text; one without any gets an empty frame. */
  readonly answers: Map<string, readonly FakeSeries[]>;
}

const TOKENS = {
  editor: 'glsa_editor0000000000000000000000000_00000000',
  viewer: 'glsa_viewer0000000000000000000000000_00000000',
};

/** Grafana's HTTP API: health, annotations, data sources and their queries; grafana.com/docs, HTTP API. */
export async function startFakeGrafana(): Promise<FakeGrafana> {
  const annotations = new Map<number, FakeAnnotation>();
  const datasources: FakeDatasource[] = [{ uid: 'prometheus', name: 'Prometheus', type: 'prometheus' }];
  const answers = new Map<string, readonly FakeSeries[]>();
  let lastId = 0;

  const known = (part: string | undefined) => annotations.get(Number(part));
  const create: Handler = ({ body }) => {
    if (textIn(body, 'text') === '')
      return failure(400, 'Failed to save annotation', { error: 'text field should not be empty' });
    const time = numberIn(body, 'time') ?? Date.now();
    lastId += 1;
    const fresh = { id: lastId, time, timeEnd: time, text: '', tags: [], dashboardUID: '', panelId: 0 };
    annotations.set(lastId, changed(fresh, body));
    return ok({ message: 'Annotation added', id: lastId });
  };
  const change =
    (message: string): Handler =>
    ({ body }, [id]) => {
      const before = known(id);
      if (before === undefined) return failure(404, 'Annotation not found');
      annotations.set(before.id, changed(before, body));
      return ok({ message });
    };
  const list: Handler = ({ query }) => {
    const from = Number(query.get('from') ?? 0);
    const to = Number(query.get('to') ?? Number.MAX_SAFE_INTEGER);
    const tags = query.getAll('tags');
    const uid = query.get('dashboardUID');
    const fits = ({ time, timeEnd, tags: has, dashboardUID }: FakeAnnotation) =>
      timeEnd >= from &&
      time <= to &&
      (uid === null || uid === dashboardUID) &&
      (query.get('matchAny') === 'true'
        ? tags.some((tag) => has.includes(tag))
        : tags.every((tag) => has.includes(tag)));
    const newestFirst = [...annotations.values()].filter(fits).toSorted((a, b) => b.time - a.time);
    return ok(newestFirst.slice(0, Number(query.get('limit') ?? 100)).map(shown));
  };
  const find = (uid: string | undefined) => datasources.find((each) => each.uid === uid);
  const query: Handler = ({ body }) => {
    const queries = Array.isArray(body['queries']) ? (body['queries'] as Record<string, unknown>[]) : [];
    if (queries.length === 0) return failure(400, 'Query data error', { messageId: 'query.noQueries' });
    if (queries.some((each) => find(uidOf(each)) === undefined)) return failure(404, 'Data source not found');
    const results = queries.map((each) => {
      const refId = textIn(each, 'refId') || 'A';
      return [refId, resultOf(refId, answers.get(textIn(each, 'expr')) ?? [])] as const;
    });
    const failed = results.some(([, { status }]) => status !== 200);
    return { status: failed ? 400 : 200, body: { results: Object.fromEntries(results) } };
  };

  const server = await startFakeServer({
    guard: (request) => {
      if (request.path === '/api/health') return null;
      const token = bearerOf(request);
      if (token === '') return failure(401, 'Unauthorized', { messageId: 'auth.unauthorized' });
      if (token !== TOKENS.editor && token !== TOKENS.viewer)
        return failure(401, 'Invalid API key', { messageId: 'api-key.invalid' });
      const writes = request.method !== 'GET' && request.path !== '/api/ds/query';
      if (token === TOKENS.editor || !writes) return null;
      const action = request.method === 'POST' ? 'create' : request.method === 'DELETE' ? 'delete' : 'write';
      const message = `You'll need additional permissions to perform this action. Permissions needed: annotations:${action}`;
      return { status: 403, body: { accessErrorId: 'ACE0000000000', message, title: 'Access denied' } };
    },
    routes: [
      ['GET', /^\/api\/health$/, () => ok({ commit: '0000000', database: 'ok', version: '12.4.0' })],
      ['POST', /^\/api\/annotations$/, create],
      ['GET', /^\/api\/annotations$/, list],
      [
        'GET',
        /^\/api\/annotations\/(\d+)$/,
        (_, [id]) => {
          const found = known(id);
          return found === undefined ? failure(404, 'Annotation not found') : ok(shown(found));
        },
      ],
      ['PATCH', /^\/api\/annotations\/(\d+)$/, change('Annotation patched')],
      ['PUT', /^\/api\/annotations\/(\d+)$/, change('Annotation updated')],
      [
        'DELETE',
        /^\/api\/annotations\/(\d+)$/,
        (_, [id]) => {
          // Since version 11 also of one that isn't there.
          annotations.delete(Number(id));
          return ok({ message: 'Annotation deleted' });
        },
      ],
      [
        'GET',
        /^\/api\/datasources$/,
        () => ok(datasources.map((each, index) => ({ id: index + 1, orgId: 1, ...each }))),
      ],
      [
        'GET',
        /^\/api\/datasources\/uid\/([^/]+)$/,
        (_, [uid]) => {
          const found = find(uid);
          return found === undefined ? failure(404, 'Data source not found') : ok({ orgId: 1, ...found });
        },
      ],
      [
        'GET',
        /^\/api\/datasources\/uid\/([^/]+)\/health$/,
        (_, [uid]) =>
          find(uid) === undefined
            ? failure(404, 'Data source not found')
            : ok({ status: 'OK', message: 'Successfully queried the API.' }),
      ],
      ['POST', /^\/api\/ds\/query$/, query],
    ],
    notFound: failure(404, 'Not found'),
  });
  return { ...server, tokens: TOKENS, annotations, datasources, answers };
}

const ok = (body: unknown): FakeReply => ({ status: 200, body });

function failure(status: number, message: string, more: Readonly<Record<string, string>> = {}): FakeReply {
  return { status, body: { message, statusCode: status, traceID: '', ...more } };
}

function numberIn(body: Readonly<Record<string, unknown>>, name: string): number | undefined {
  const value = body[name];
  return typeof value === 'number' ? value : undefined;
}

/** Only what the body names. */
function changed(before: FakeAnnotation, body: Readonly<Record<string, unknown>>): FakeAnnotation {
  const time = numberIn(body, 'time') ?? before.time;
  const tags = body['tags'];
  return {
    id: before.id,
    time,
    timeEnd: Math.max(time, numberIn(body, 'timeEnd') ?? before.timeEnd),
    text: textIn(body, 'text') || before.text,
    tags: Array.isArray(tags) ? tags.map(String) : before.tags,
    dashboardUID: textIn(body, 'dashboardUID') || before.dashboardUID,
    panelId: numberIn(body, 'panelId') ?? before.panelId,
  };
}

const shown = (annotation: FakeAnnotation) => ({
  alertId: 0,
  alertName: '',
  dashboardId: 0,
  userId: 0,
  newState: '',
  prevState: '',
  login: 'sa-1-editor',
  email: '',
  data: {},
  ...annotation,
});

function uidOf(query: Readonly<Record<string, unknown>>): string {
  const datasource = query['datasource'];
  return typeof datasource === 'object' && datasource !== null
    ? textIn(datasource as Record<string, unknown>, 'uid')
    : '';
}

/** Data frames as JSON: fields beside each other, values by column. */
function resultOf(refId: string, series: readonly FakeSeries[]) {
  const wrong = series.find((each) => each.kind === 'error');
  if (wrong !== undefined)
    return { status: wrong.status, error: wrong.error, errorSource: 'downstream', refId, frames: [] };
  const frames = series.flatMap((each) => {
    if (each.kind === 'error') return [];
    const fields = [
      { name: 'Time', type: 'time', typeInfo: { frame: 'time.Time' } },
      { name: 'Value', type: 'number', typeInfo: { frame: 'float64' }, labels: each.labels },
    ];
    const values = [each.points.map(([time]) => time), each.points.map(([, value]) => value)];
    return [{ schema: { refId, fields }, data: { values } }];
  });
  return { status: 200, refId, frames };
}
