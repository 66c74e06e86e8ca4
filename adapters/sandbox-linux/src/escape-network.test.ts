import { Lab } from './testing/lab.ts';
import { escapeNetwork } from './testing/escape-network-suite.ts';

await escapeNetwork(Lab.open);
