/** Run as a process of its own by tests: takes a database directory, says so on stdout, and holds it until killed. */
import { lockDirectory } from '../pglite/directory-lock.ts';

const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: hold-directory DIRECTORY');
const lock = lockDirectory(directory);
process.stdout.write('held\n');
process.stdin.resume();
process.stdin.on('end', () => lock.release());
