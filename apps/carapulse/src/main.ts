#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
// Node's own choice is a name in /tmp that anybody can make first.
const home = process.env['HOME'];
if (home !== undefined && home !== '') enableCompileCache(`${home}/.cache/carapulse/compiled`);
const { runCommandLine } = await import('./command-line.ts');
process.exitCode = await runCommandLine(process.argv.slice(2));
