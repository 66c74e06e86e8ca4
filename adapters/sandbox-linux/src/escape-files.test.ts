import { Lab } from './testing/lab.ts';
import { escapeFiles } from './testing/escape-files-suite.ts';

await escapeFiles((options) => Lab.open(options));
