import { Lab } from './testing/lab.ts';
import { commandFiles } from './testing/command-files-suite.ts';

await commandFiles((options) => Lab.open(options));
