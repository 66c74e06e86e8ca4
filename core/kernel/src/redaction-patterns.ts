/** Secrets that start with a known prefix: the prefix, then `min` to `max` characters of a charset. */
export interface TokenPattern {
  /** Lower-case letters, digits and hyphens; what the mark says. */
  readonly kind: string;
  readonly prefixes: readonly string[];
  /** `upper`: A–Z0–9; `word`: A–Za–z0–9_; `url`: word and `-`; `dotted`: url and `.`; `base64`: word, `+/=-`. */
  readonly charset: 'upper' | 'word' | 'url' | 'dotted' | 'base64';
  readonly min: number;
  /** Longer runs are something else. Without it the whole run is taken. */
  readonly max?: number;
  /** Only where no letter or digit stands before the prefix; for prefixes that occur inside words. */
  readonly wholeWord?: boolean;
}

export const TOKEN_PATTERNS: readonly TokenPattern[] = [
  { kind: 'aws-access-key', prefixes: ['AKIA', 'ASIA', 'ABIA', 'ACCA'], charset: 'upper', min: 16, max: 16 },
  { kind: 'github-token', prefixes: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'], charset: 'word', min: 30 },
  { kind: 'github-token', prefixes: ['github_pat_'], charset: 'word', min: 22 },
  {
    kind: 'gitlab-token',
    prefixes: [
      'glpat-',
      'gldt-',
      'glrt-',
      'glcbt-',
      'glptt-',
      'glft-',
      'glsoat-',
      'glimt-',
      'glagent-',
      'gloas-',
    ],
    charset: 'dotted',
    min: 16,
  },
  {
    kind: 'slack-token',
    prefixes: ['xoxb-', 'xoxa-', 'xoxp-', 'xoxr-', 'xoxs-', 'xoxe-', 'xoxe.', 'xapp-'],
    charset: 'dotted',
    min: 10,
  },
  { kind: 'slack-webhook', prefixes: ['hooks.slack.com/services/'], charset: 'base64', min: 10 },
  { kind: 'linear-token', prefixes: ['lin_api_', 'lin_oauth_', 'lin_wh_'], charset: 'word', min: 20 },
  { kind: 'pagerduty-token', prefixes: ['pdus+_', 'pdeu+_'], charset: 'base64', min: 16 },
  { kind: 'age-key', prefixes: ['AGE-SECRET-KEY-'], charset: 'url', min: 40 },
  { kind: 'anthropic-key', prefixes: ['sk-ant-'], charset: 'url', min: 16 },
  { kind: 'openai-key', prefixes: ['sk-proj-', 'sk-svcacct-', 'sk-admin-'], charset: 'url', min: 16 },
  { kind: 'openai-key', prefixes: ['sk-'], charset: 'word', min: 32, wholeWord: true },
  { kind: 'openai-key', prefixes: ['sk-or-v1-', 'sess-'], charset: 'word', min: 32, wholeWord: true },
  { kind: 'google-key', prefixes: ['AIza'], charset: 'url', min: 35 },
  { kind: 'google-key', prefixes: ['GOCSPX-', 'ya29.'], charset: 'url', min: 20 },
  {
    kind: 'stripe-key',
    prefixes: ['sk_live_', 'rk_live_', 'sk_test_', 'rk_test_', 'whsec_'],
    charset: 'word',
    min: 16,
  },
  { kind: 'vault-token', prefixes: ['hvs.', 'hvb.', 'hvr.'], charset: 'url', min: 20, wholeWord: true },
  { kind: 'npm-token', prefixes: ['npm_'], charset: 'word', min: 36, wholeWord: true },
  { kind: 'pypi-token', prefixes: ['pypi-AgE'], charset: 'url', min: 30 },
  { kind: 'huggingface-token', prefixes: ['hf_'], charset: 'word', min: 30, wholeWord: true },
  { kind: 'grafana-token', prefixes: ['glsa_', 'glc_'], charset: 'base64', min: 24, wholeWord: true },
  { kind: 'digitalocean-token', prefixes: ['dop_v1_', 'doo_v1_', 'dor_v1_'], charset: 'word', min: 32 },
  { kind: 'docker-token', prefixes: ['dckr_pat_', 'dckr_oat_'], charset: 'url', min: 20 },
  { kind: 'sendgrid-key', prefixes: ['SG.'], charset: 'dotted', min: 40, wholeWord: true },
  { kind: 'databricks-token', prefixes: ['dapi'], charset: 'word', min: 32, max: 34, wholeWord: true },
  { kind: 'atlassian-token', prefixes: ['ATATT3'], charset: 'base64', min: 40 },
  { kind: 'pulumi-token', prefixes: ['pul-'], charset: 'word', min: 40, wholeWord: true },
  { kind: 'newrelic-key', prefixes: ['NRAK-'], charset: 'upper', min: 20 },
];

/** Endings of names whose value is a secret, in text (`DB_PASSWORD=…`, `--token …`) and as keys of objects. */
export const SECRET_NAMES: readonly string[] = [
  'password',
  'passwd',
  'passphrase',
  'pwd',
  'secret',
  'secrets',
  'token',
  'apikey',
  'api_key',
  'api-key',
  'accesskey',
  'access_key',
  'access-key',
  'secretkey',
  'secret_key',
  'secret-key',
  'privatekey',
  'private_key',
  'private-key',
  'signingkey',
  'signing_key',
  'signing-key',
  'encryptionkey',
  'encryption_key',
  'encryption-key',
  'masterkey',
  'master_key',
  'accountkey',
  'account_key',
  'sharedaccesskey',
  'sharedaccesssignature',
  'routing_key',
  'routingkey',
  'integration_key',
  'service_key',
  'client-key-data',
  'clientkeydata',
  'credential',
  'credentials',
  'x-amz-signature',
];

/** Headers whose whole value is a secret. */
export const SECRET_HEADERS: readonly string[] = ['authorization', 'cookie'];

/** True when a value under this key is a secret whatever it looks like. */
export function isSecretName(name: string): boolean {
  const lower = name.toLowerCase();
  return (
    SECRET_NAMES.some((ending) => lower.endsWith(ending)) ||
    SECRET_HEADERS.some((ending) => lower.endsWith(ending))
  );
}
