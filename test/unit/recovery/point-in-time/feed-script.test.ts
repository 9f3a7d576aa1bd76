/** Tests of the restore command's text. */
import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  quoteShell,
  renderFeedScript,
  restoreCommand,
} from '../../../../src/recovery/point-in-time/feed-script.ts';

test('renderFeedScript() ends with 1 only where there is no more, and above 125 for the rest', () => {
  const codes = renderFeedScript({ spool: '/s', feederPid: 7 }).match(/exit \d+/g) ?? [];

  const failures = codes.map((code) => Number(code.slice(5))).filter((code) => code > 1);
  expect(failures.length).toBeGreaterThan(3);
  expect(failures.every((code) => code > 125)).toBe(true);
});

test('restoreCommand() keeps a percent sign of a path from being read as a placeholder', () => {
  expect(restoreCommand('/a%b/fetch.sh')).toBe("/bin/sh '/a%%b/fetch.sh' %f %p");
});

test('quoteShell() lets no text out of its quotes', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const quoted = quoteShell(text);

      expect(quoted.slice(1, -1).replaceAll(String.raw`'\''`, '')).not.toContain("'");
    }),
  );
});
