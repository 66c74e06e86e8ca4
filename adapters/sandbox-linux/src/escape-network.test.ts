import { Lab } from './testing/lab.ts';
import { escapeNetwork } from './testing/escape-network-suite.ts';

await escapeNetwork((options) => Lab.open(options));
