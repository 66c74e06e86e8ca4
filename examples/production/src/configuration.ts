/** One commit to be: files replaced whole, by path in the repository. */
export interface Change {
  readonly author: Author;
  readonly subject: string;
  readonly body?: string;
  readonly files: Readonly<Record<string, string>>;
}

export interface Author {
  readonly name: string;
  readonly email: string;
}

const ada = { name: 'Ada Brandt', email: 'ada@shop.example' };
const jun = { name: 'Jun Okafor', email: 'jun@shop.example' };
const mira = { name: 'Mira Solano', email: 'mira@shop.example' };

/** Where the checkout service's own configuration lies in the repository. */
export const SERVICE_CONFIG_PATH = 'services/checkout/config.json';

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function checkoutConfig(change: { timeoutMs: number; maxItems: number }): string {
  return json({
    service: 'checkout',
    currency: 'EUR',
    limits: { max_items: change.maxItems, max_body_bytes: 65_536 },
    upstreams: { inventory: { path: '/stock', timeout_ms: change.timeoutMs } },
    features: { gift_wrap: false, express_delivery: true },
  });
}

function dashboard(panels: readonly string[]): string {
  return json({ title: 'Checkout', refresh: '10s', panels: panels.map((title) => ({ title })) });
}

function storefront(tag: string, replicas: number): string {
  return json({ service: 'storefront', image: { repository: 'shop/storefront', tag }, replicas });
}

const readme = (lines: readonly string[]): string =>
  ['# Shop configuration', '', 'What main says is what runs.', ...lines.map((line) => `\n${line}`), ''].join(
    '\n',
  );

const RUNBOOK_LINES = [
  '# Checkout',
  '',
  'Errors on /checkout: look at the log, then at the last deployments.',
];

/** The quiet days before: what main holds when the production starts, oldest first. */
export const HISTORY: readonly Change[] = [
  {
    author: ada,
    subject: 'Configuration of checkout and storefront',
    files: {
      'README.md': readme([]),
      [SERVICE_CONFIG_PATH]: checkoutConfig({ timeoutMs: 800, maxItems: 40 }),
      'services/checkout/dashboard.json': dashboard(['Requests', 'Errors']),
      'services/storefront/values.json': storefront('4.11.0', 2),
    },
  },
  {
    author: mira,
    subject: 'checkout: wait at most 600 ms for inventory',
    body: 'Its slowest answers in a month took 310 ms.',
    files: { [SERVICE_CONFIG_PATH]: checkoutConfig({ timeoutMs: 600, maxItems: 40 }) },
  },
  {
    author: jun,
    subject: 'storefront: 4.11.1',
    files: { 'services/storefront/values.json': storefront('4.11.1', 2) },
  },
  {
    author: ada,
    subject: 'checkout: allow fifty items',
    files: { [SERVICE_CONFIG_PATH]: checkoutConfig({ timeoutMs: 600, maxItems: 50 }) },
  },
  {
    author: mira,
    subject: 'Runbook for checkout',
    files: { 'docs/runbooks/checkout.md': `${RUNBOOK_LINES.join('\n')}\n` },
  },
];

/** Breaks the service: inventory needs about 40 ms, and is now given 20. The dashboard hides it among other lines. */
export const BAD_CHANGE: Change = {
  author: jun,
  subject: 'checkout: fail fast when inventory is slow',
  body: 'Waiting 600 ms only queues requests at peak. Same budget as the storefront cache,\nand a panel to watch it.',
  files: {
    [SERVICE_CONFIG_PATH]: checkoutConfig({ timeoutMs: 20, maxItems: 50 }),
    'services/checkout/dashboard.json': dashboard(['Requests', 'Errors', 'Inventory latency']),
  },
};

/** Nothing the checkout service reads. */
export const INNOCENT_CHANGES: readonly Change[] = [
  {
    author: mira,
    subject: 'storefront: 4.12.0 on three replicas',
    files: { 'services/storefront/values.json': storefront('4.12.0', 3) },
  },
  {
    author: ada,
    subject: 'Runbook: whom to call',
    files: {
      'docs/runbooks/checkout.md': `${[...RUNBOOK_LINES, '', 'Out of hours: the shop on-call.'].join('\n')}\n`,
    },
  },
  {
    author: mira,
    subject: 'Say how to propose a change',
    files: { 'README.md': readme(['Propose a change as a branch; two owners review it.']) },
  },
];
