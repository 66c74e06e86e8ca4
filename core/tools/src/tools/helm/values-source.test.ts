import { expect, test } from 'vitest';
import { yamlOf } from './values-source.ts';

test.each(['\u007f', '\u0085', '\u009b31m', 'a\u2028b', '\u2029', '\ufeff', '\ufffe', '\uffff'])(
  'values reach helm as JSON without what YAML refuses or folds: %j',
  (text) => {
    const values = { [text]: text, plain: 'é\u202e漢🏳️' };
    const written = yamlOf(values);
    expect(JSON.parse(written)).toEqual(values);
    expect(written).not.toContain(text);
    expect(written).toContain(values.plain);
  },
);
