/** The store that the bench names, as the bot would open it. */
import { systemClock } from '../../src/kernel/clock.ts';
import { directoryStore } from '../../src/storage/directory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import type { StoreWords } from './ours-words.ts';

export async function openStore(words: StoreWords): Promise<ObjectStore> {
  if (words.kind === 'directory') return directoryStore(words.path);
  const { s3Store } = await import('../../src/storage/s3/store.ts');
  const { accessKeyId, secretAccessKey, endpoint, region, bucket, prefix } = words;
  const credentials = { accessKeyId, secretAccessKey };
  return s3Store(
    { endpoint, region, bucket, prefix, credentials, forcePathStyle: true },
    { clock: systemClock, random: () => 0.5, warn: (text) => process.stderr.write(`${text}\n`) },
  );
}
