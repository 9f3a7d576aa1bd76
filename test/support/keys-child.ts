/** A process of its own that rotates a key file for ever: `keys-child.ts <path>`; says each key it made. */
import { fileKeeper } from '../../src/encryption/file-keeper.ts';
import { systemClock } from '../../src/kernel/clock.ts';

const { signal } = new AbortController();
const keeper = fileKeeper(process.argv[2] ?? '', { clock: systemClock });
for (;;) {
  const { keyId } = await keeper.rotate({ signal });
  process.stdout.write(`${keyId}\n`);
}
