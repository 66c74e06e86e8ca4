import type { ForgeProgram } from '../../forge/send-over-cli.ts';

/**
 * glab sends any address that is whole, with the token of the host that its environment names; a host with a port is
 * no `--hostname`. Its configuration and, in later versions, its environment turn off what it would ask of its own.
 */
export const gitlabCli: ForgeProgram = {
  program: 'glab',
  files: (scratch, forge) => [
    {
      path: `${scratch}/config.yml`,
      // JSON is YAML.
      text: `${JSON.stringify({
        check_update: false,
        telemetry: false,
        hosts: { [new URL(forge.url).host]: { token: forge.token } },
      })}\n`,
    },
  ],
  env: (scratch, forge) => ({
    GLAB_CONFIG_DIR: scratch,
    GITLAB_HOST: new URL(forge.url).origin,
    NO_PROMPT: '1',
    GLAB_NO_PROMPT: '1',
    GLAB_CHECK_UPDATE: 'false',
    GLAB_SEND_TELEMETRY: 'false',
    GLAB_SHOW_WHATS_NEW: 'false',
  }),
};
