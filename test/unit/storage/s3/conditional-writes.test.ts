import { expect, test } from 'vitest';

import {
  type Condition,
  ConditionalWrites,
} from '../../../../src/storage/s3/conditional-writes.ts';
import { CallFailed } from '../../../../src/storage/s3/failures.ts';

function refusal(status: number, name: string): CallFailed {
  const error = Object.assign(new Error('Told'), {
    name,
    $fault: 'client',
    $metadata: { httpStatusCode: status },
  });
  return new CallFailed({ action: 'write', permission: 's3:PutObject' }, error, false);
}

/** A server that answers each write as `answer` says. */
function setting(answer: (condition: Condition, isTaken: boolean) => CallFailed | undefined) {
  const warnings: string[] = [];
  const sent: Condition[] = [];
  let isTaken = false;
  const write = {
    send: async (condition: Condition) => {
      sent.push(condition);
      const failed = answer(condition, isTaken);
      if (failed !== undefined) throw failed;
      isTaken = true;
    },
    isThere: async () => isTaken,
    canProbe: true,
  };
  const writes = new ConditionalWrites((why) => warnings.push(why));
  return { writes, write, warnings, sent };
}

const ASKING = { IfNoneMatch: '*' };

test('a server that refuses is asked once more, and then trusted', async () => {
  const { writes, write, warnings, sent } = setting(({ IfNoneMatch }, isTaken) =>
    isTaken && IfNoneMatch === '*' ? refusal(412, 'PreconditionFailed') : undefined,
  );

  expect(await writes.write(write)).toBe('written');
  expect(await writes.write(write)).toBe('taken');

  expect(sent).toEqual([ASKING, ASKING, ASKING]);
  expect(warnings).toEqual([]);
});

test('a server that takes no notice is found out by the first write, and looked at before others', async () => {
  const { writes, write, warnings, sent } = setting(() => undefined);

  expect(await writes.write(write)).toBe('written');
  expect(await writes.write(write)).toBe('taken');
  expect(await writes.write(write)).toBe('taken');

  expect(sent).toEqual([ASKING, ASKING]);
  expect(warnings).toEqual(['it takes no notice of conditional writes']);
});

test('a server that says it knows no conditions is asked without', async () => {
  const { writes, write, warnings, sent } = setting(({ IfNoneMatch }) =>
    IfNoneMatch === '*' ? refusal(501, 'NotImplemented') : undefined,
  );

  expect(await writes.write(write)).toBe('written');
  expect(await writes.write(write)).toBe('taken');

  expect(sent).toEqual([ASKING, {}]);
  expect(warnings).toEqual(['it says that it does not know conditional writes']);
});

test('a probe that fails leaves the write written, and the question open', async () => {
  let count = 0;
  const { writes, write, warnings } = setting(() =>
    ++count === 2 ? refusal(503, 'SlowDown') : undefined,
  );

  expect(await writes.write(write)).toBe('written');

  expect(warnings).toEqual([]);
  expect(writes.isLacking).toBe(false);
});

test('other refusals pass untouched', async () => {
  const denied = refusal(403, 'AccessDenied');
  const { writes, write } = setting(() => denied);

  await expect(writes.write(write)).rejects.toBe(denied);
});
