import { Lab } from './testing/lab.ts';
import { escapeProcesses } from './testing/escape-processes-suite.ts';

await escapeProcesses((options) => Lab.open(options));
