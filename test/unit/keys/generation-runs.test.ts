import { describe, expect, test } from 'vitest';

import { generationRuns } from '../../../src/keys/generation-runs.ts';

/** `aaab`: one letter for each object; a dot is one that nobody can tell. */
async function runsOf(
  text: string,
  samples = 4,
): Promise<{ readonly told: string; readonly looks: number }> {
  let looks = 0;
  const runs = await generationRuns({
    count: text.length,
    samples,
    async keyIdOf(index) {
      looks += 1;
      const letter = text[index];
      return letter === '.' ? undefined : letter;
    },
  });
  return {
    told: runs.map(({ keyId, first, last }) => `${keyId}${first}-${last}`).join(' '),
    looks,
  };
}

describe('generationRuns()', () => {
  test.each([
    ['', ''],
    ['a', 'a0-0'],
    ['ab', 'a0-0 b1-1'],
    ['aaaaaaab', 'a0-6 b7-7'],
    ['abbbbbbb', 'a0-0 b1-7'],
    ['aaabbbcccddd', 'a0-2 b3-5 c6-8 d9-11'],
    ['aaaabaaaaaaa', 'a0-3 b4-4 a5-11'],
    ['..aab', 'a2-3 b4-4'],
  ])('finds every border in %j', async (text, told) => {
    expect((await runsOf(text)).told).toBe(told);
  });

  test('finds one rotation among a hundred thousand objects with few looks', async () => {
    const text = 'a'.repeat(61_234) + 'b'.repeat(38_766);

    const { told, looks } = await runsOf(text, 32);

    expect(told).toBe('a0-61233 b61234-99999');
    expect(looks).toBeLessThan(60);
  });

  test('sees that a ring was set back for a while, although the ends agree', async () => {
    const text = `${'a'.repeat(5000)}${'b'.repeat(500)}${'a'.repeat(5000)}`;

    expect((await runsOf(text, 32)).told).toBe('a0-4999 b5000-5499 a5500-10499');
  });
});
