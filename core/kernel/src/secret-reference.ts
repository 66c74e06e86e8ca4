/** A text of the configuration that stands for a secret kept elsewhere: `env:NAME`, `file:PATH`, `vault:…`. */
export const SECRET_REFERENCE = /^(env|file|vault):/;
