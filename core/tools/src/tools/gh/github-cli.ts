import type { ForgeProgram } from '../../forge/send-over-cli.ts';

/**
 * gh sends any address that is whole, with the token of its host. Its configuration says which version it is of: a
 * later gh would else ask GitHub who the token belongs to before it does anything.
 */
export const githubCli: ForgeProgram = {
  program: 'gh',
  files: (scratch, forge) => [
    { path: `${scratch}/config.yml`, text: 'version: "1"\n' },
    {
      path: `${scratch}/hosts.yml`,
      // JSON is YAML.
      text: `${JSON.stringify({ [hostOf(forge.url)]: { oauth_token: forge.token, user: 'carapulse' } })}\n`,
    },
  ],
  env: (scratch) => ({ GH_CONFIG_DIR: scratch, GH_PROMPT_DISABLED: '1', GH_NO_UPDATE_NOTIFIER: '1' }),
};

/** As gh names it: api.github.com is github.com, and so it is with tenants of ghe.com. */
function hostOf(url: string): string {
  const { host } = new URL(url);
  return host === 'api.github.com' || /^api\.[^.]+\.ghe\.com$/.test(host) ? host.slice('api.'.length) : host;
}
