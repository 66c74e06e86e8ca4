import { Lab } from './testing/lab.ts';
import { escapeResources } from './testing/escape-resources-suite.ts';

await escapeResources((options) => Lab.open(options));
