/** Run as a process of its own by tests: commits row after row and prints each number once it was acknowledged. */
import { openDatabase } from '../database.ts';

const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: write-until-killed DIRECTORY');
const { pool } = await openDatabase({ kind: 'pglite', directory });
await pool.query('create table if not exists marks (n int primary key)');
for (let n = 1; ; n += 1) {
  await pool.query('insert into marks values ($1)', [n]);
  process.stdout.write(`${n}\n`);
}
