/** Tests of reading who a user is. */
import { expect, test } from 'vitest';

import { findUser } from '../../../src/subprocess/user.ts';

const PASSWD = `root:x:0:0:root:/root:/bin/bash
postgres:x:104:109:PostgreSQL administrator:/var/lib/postgresql:/bin/bash
broken:x:abc:1::/:/bin/sh
`;

test('findUser() reads the numbers of a user', () => {
  expect(findUser(PASSWD, 'postgres')).toEqual({ name: 'postgres', uid: 104, gid: 109 });
});

test('findUser() finds no user that is not there, and none whose line makes no sense', () => {
  expect(findUser(PASSWD, 'post')).toBeUndefined();
  expect(findUser(PASSWD, 'broken')).toBeUndefined();
});
