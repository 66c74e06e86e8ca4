import { z } from 'zod';

const LABEL = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
const LABEL_KEY = `(${LABEL}(\\.${LABEL})*/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?`;
const LABEL_VALUE = '([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?';
const VALUES = `\\(${LABEL_VALUE}(, ?${LABEL_VALUE})*\\)`;
const REQUIREMENT = `(!?${LABEL_KEY}|${LABEL_KEY}(=|==|!=)${LABEL_VALUE}|${LABEL_KEY} (in|notin) ${VALUES})`;

/** RFC 1123 label: what namespaces and containers are named with. Never a flag, a path or a pattern. */
export const DnsLabel = z
  .string()
  .max(63)
  .regex(new RegExp(`^${LABEL}$`), 'lower-case letters, digits and dashes (RFC 1123 label)');

/** RFC 1123 subdomain: what most objects are named with. */
export const ObjectName = z
  .string()
  .max(253)
  .regex(new RegExp(`^${LABEL}(\\.${LABEL})*$`), 'dot-separated lower-case labels (RFC 1123 subdomain)');

export const ClusterName = DnsLabel.describe('a cluster of the connector');

/** Identity of one object: a name made anew is another object. */
export const ObjectUid = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'a uid in lower case');

/** Label selector as kubectl takes it: `app=shop,tier in (web, api),!canary`. */
export const LabelSelector = z
  .string()
  .min(1)
  .max(1000)
  .regex(new RegExp(`^${REQUIREMENT}(,${REQUIREMENT})*$`), 'a label selector such as app=shop,tier!=db');

/** Reference of a container image: name with tag or digest, nothing that an option or a shell could be. */
export const ImageReference = z
  .string()
  .max(500)
  .regex(
    /^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?(\/[a-z0-9][a-z0-9._-]*)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$/,
    'an image with its tag or digest',
  );
