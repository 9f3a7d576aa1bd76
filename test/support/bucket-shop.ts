/** A shop that is backed up into buckets of a real S3 server, asked as a user asks. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { createKeyFile } from '../../src/encryption/file-key-ring.ts';
import { type AwsPeer, startVersitygw, VERSITYGW_PROGRAM } from './peers.ts';
import { startPostgres, type TestPostgres } from './postgres-cluster.ts';
import { makeBucket } from './s3-peers.ts';
import { temporaryFolder } from './temporary-folder.ts';

const run = promisify(execFile);

export const PLAIN = 'plain-bucket';
export const VERSIONS = 'versions-bucket';
const STRANGER = { accessKeyId: 'stranger', secretAccessKey: 'strangersecret' };

export interface BucketShop extends AsyncDisposable {
  readonly server: AwsPeer & { readonly dataFolder: string };
  readonly postgres: TestPostgres;
  /** Somebody the server knows and nobody allowed anything. */
  readonly stranger: typeof STRANGER;
  /** A new installation of the bot: its folder, with config and the key that all share. */
  install(config?: Partial<BucketConfig>): Promise<string>;
  /** Every object of a bucket, with a hash of its bytes. */
  objects(bucket: string): Promise<ReadonlyMap<string, string>>;
}

export interface BucketConfig {
  readonly url: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Further words of the store's section. */
  readonly more: string;
  /** Instead of the key file that all share. */
  readonly keys: string;
}

export async function openBucketShop(): Promise<BucketShop> {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await startVersitygw());
  const folder = stack.use(await temporaryFolder()).path;
  const postgres = stack.use(await startPostgres());
  await makeBucket(server, { name: PLAIN });
  await makeBucket(server, { name: VERSIONS, versions: true });
  await makeStranger(server);
  await postgres.query(
    `CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS note FROM generate_series(1, 5000) n`,
  );
  await createKeyFile(join(folder, 'keyring.json'));
  return {
    server,
    postgres,
    stranger: STRANGER,
    install: async (config = {}) => {
      const cwd = stack.use(await temporaryFolder()).path;
      await writeConfig(cwd, { ...defaults(server, postgres), ...config });
      await copyFile(join(folder, 'keyring.json'), join(cwd, 'keyring.json'));
      return cwd;
    },
    objects: async (bucket) => objectsIn(join(server.dataFolder, bucket)),
    [Symbol.asyncDispose]: async () => stack.disposeAsync(),
  };
}

function defaults(server: AwsPeer, postgres: TestPostgres): BucketConfig & { endpoint: string } {
  const { accessKeyId, secretAccessKey, region, endpoint } = server;
  const keys = '{ kind: file, path: ./keyring.json }';
  const where = { bucket: PLAIN, prefix: 'shop', region, endpoint };
  return { url: postgres.url(), ...where, accessKeyId, secretAccessKey, more: '', keys };
}

async function writeConfig(
  cwd: string,
  config: BucketConfig & { readonly endpoint: string },
): Promise<void> {
  const { url, bucket, prefix, region, endpoint, accessKeyId, secretAccessKey } = config;
  const yaml = `timezone: Europe/Berlin
servers:
  shop: { url: "${url}", stores: [west], archiving: { tail_seconds: 1 } }
stores:
  west:
    kind: s3
    bucket: ${bucket}
    prefix: ${prefix}
    region: ${region}
    endpoint: ${endpoint}
    force_path_style: true
    credentials: { access_key_id: ${accessKeyId}, secret_access_key: ${secretAccessKey} }
    ${config.more}
keys: ${config.keys}
`;
  await writeFile(join(cwd, 'dbdr.yaml'), yaml);
}

async function makeStranger({ endpoint, region, ...owner }: AwsPeer): Promise<void> {
  const admin = ['admin', '--region', region, '--endpoint-url', endpoint, '--allow-insecure'];
  const by = ['--access', owner.accessKeyId, '--secret', owner.secretAccessKey];
  const { accessKeyId, secretAccessKey } = STRANGER;
  const whom = ['--access', accessKeyId, '--secret', secretAccessKey, '--role', 'user'];
  await run(VERSITYGW_PROGRAM, [...admin, ...by, 'create-user', ...whom]);
}

/** As the server keeps them on its disk: whatever it lets others see. */
async function objectsIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const objects = new Map<string, string>();
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const hash = createHash('sha256').update(await readFile(path));
    objects.set(path.slice(folder.length + 1), hash.digest('hex'));
  }
  return objects;
}
