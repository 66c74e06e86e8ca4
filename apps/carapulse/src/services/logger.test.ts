import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';

test.each(['json', 'text'] as const)(
  'a %s line that cannot be written is lost, and the next one comes',
  (format) => {
    const lines: string[] = [];
    let full = true;
    const logger = createLogger({
      level: 'info',
      format,
      redact: (value) => value,
      write: (line) => {
        if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        lines.push(line);
      },
    });
    logger.error('first');
    full = false;
    logger.error('second');
    expect(lines).toEqual([expect.stringContaining('second')]);
  },
);
