import { expect, test } from 'vitest';

import { leftOut } from '../../../../src/engines/streaming/left-out.ts';

function warning(message: string): { severity: string; code: string; message: string } {
  return { severity: 'WARNING', code: '01000', message };
}

const DEBIAN = {
  data_directory: '/var/lib/postgresql/15/main',
  config_file: '/etc/postgresql/15/main/postgresql.conf',
  hba_file: '/etc/postgresql/15/main/pg_hba.conf',
  ident_file: '/var/lib/postgresql/15/main/pg_ident.conf',
  ssl: 'on',
  ssl_cert_file: '/etc/ssl/certs/ssl-cert-snakeoil.pem',
  ssl_key_file: 'server.key',
  ssl_ca_file: '',
};

test('leftOut() names what is configured outside of the data directory, and nothing inside', () => {
  expect(leftOut(DEBIAN, [])).toEqual([
    '/etc/postgresql/15/main/pg_hba.conf',
    '/etc/postgresql/15/main/postgresql.conf',
    '/etc/ssl/certs/ssl-cert-snakeoil.pem',
  ]);
  expect(leftOut({ ...DEBIAN, ssl: 'off' }, [])).toHaveLength(2);
});

test('leftOut() names links and special files that the server would not send, in any language', () => {
  const notices = [
    warning('skipping special file "./server.key"'),
    warning('überspringe besondere Datei »./conf.d/memory.conf«'),
    warning('checksum verification failed in file "./base/5/2619", block 3: calculated 1'),
  ];

  expect(leftOut(undefined, notices)).toEqual(['server.key', 'conf.d/memory.conf']);
});

test('leftOut() says that it does not know where our role may not look', () => {
  expect(leftOut(undefined, [])).toBeUndefined();
  expect(leftOut({ data_directory: '/data', config_file: '/data/postgresql.conf' }, [])).toEqual(
    [],
  );
});
