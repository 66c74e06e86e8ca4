#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
// Node's own choice is a name in /tmp that anybody can make first.
const home = process.env['HOME'];
if (home !== undefined && home !== '') enableCompileCache(`${home}/.cache/carapulse/compiled`);
// A reader that has gone away (`| head`) ends what is told, not what is done.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
const { runCommandLine } = await import('./command-line.ts');
process.exitCode = await runCommandLine(process.argv.slice(2));
