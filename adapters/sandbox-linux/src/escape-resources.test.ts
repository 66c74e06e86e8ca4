import { Lab } from './testing/lab.ts';
import { escapeResources } from './testing/escape-resources-suite.ts';

await escapeResources(Lab.open);
