/** Tests of what is taken out of text before anybody sees it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { redact } from '../../../src/subprocess/redact.ts';

test('redact() hides the password of a connection URL and keeps who and where', () => {
  const text = 'could not connect to postgres://dbdr:s3cret@db:5432/shop';

  expect(redact(text)).toBe('could not connect to postgres://dbdr:***@db:5432/shop');
});

test('redact() hides password words', () => {
  expect(redact("host=db password='a b' user=dbdr")).toBe('host=db password=*** user=dbdr');
});

test('redact() leaves nothing of a secret, even when one secret holds another', () => {
  fc.assert(
    fc.property(fc.string(), fc.stringMatching(/^[a-z]{6,20}$/), fc.string(), (a, secret, b) => {
      const clean = redact(`${a}${secret}${secret.slice(0, 4)}${b}`, [secret.slice(0, 4), secret]);

      expect(clean).not.toContain(secret.slice(0, 4));
    }),
  );
});
