import { ClusterName, DnsLabel } from '@carapulse/tools';
import { z } from 'zod';

/** A service as `context.services` names it. */
export const ServiceName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,252}$/, 'the name of a service')
  .describe('The service it is for, as context.services names it: who depends on it is then known');

export const Cluster = ClusterName.describe('The cluster as connectors.kubectl.clusters names it');
export const Namespace = DnsLabel.describe('The namespace');

export const Repository = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'a repository of connectors.git')
  .describe('The repository as connectors.git names it');
export const Branch = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$/, 'the name of a branch')
  .default('main');
