/** Secrets from files, as containers hand them over. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { secretSources } from '../../src/secrets/sources.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('NAME_FILE names the file of NAME, whose last line break is not part of it', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'token');
  await writeFile(file, 'xoxb-1\n');

  const found = secretSources({ TOKEN_FILE: file }).find('TOKEN');

  expect(found).toEqual({ outcome: 'found', value: 'xoxb-1', from: `file ${file}` });
});

test('the environment itself wins over the file', () => {
  const sources = secretSources({ TOKEN: 'a', TOKEN_FILE: '/does/not/exist' });

  expect(sources.find('TOKEN')).toEqual({
    outcome: 'found',
    value: 'a',
    from: 'environment TOKEN',
  });
});
