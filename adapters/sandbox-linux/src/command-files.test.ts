import { Lab } from './testing/lab.ts';
import { commandFiles } from './testing/command-files-suite.ts';

await commandFiles(Lab.open);
