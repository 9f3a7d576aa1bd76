/**
 * Servers of others that our parts are held against: versitygw (a real S3 server), moto (AWS as far as
 * tests need it) and Tink's own Python package. `install-peers.ts` brings them; where one is missing,
 * its suites are skipped and their names say why.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';

import { temporaryFolder } from './temporary-folder.ts';
import { waitUntil } from './wait-until.ts';

const PEERS = join(import.meta.dirname, '../../node_modules/.cache/dbdr-peers');
export const VERSITYGW_PROGRAM = join(PEERS, 'versitygw');
export const PEER_PYTHON = join(PEERS, 'python/bin/python');
/** Written last: what is installed is whole. */
export const PEER_PYTHON_WHOLE = join(PEERS, 'python/whole.txt');
export const PEERS_FOLDER = PEERS;

const START_MS = 60_000;
const TRIES = 3;
const REGION = 'us-east-1';

export type PeerName = 'versitygw' | 'python';

/** Why a suite that needs `name` cannot run here; undefined: it can. */
export function peerLacks(name: PeerName): string | undefined {
  if (existsSync(name === 'versitygw' ? VERSITYGW_PROGRAM : PEER_PYTHON_WHOLE)) return undefined;
  const told = lackingFile(name);
  return existsSync(told)
    ? readFileSync(told, 'utf8').trim()
    : `${name} is not installed: run npm run peers`;
}

/** Where the installer notes why it could not bring `name`. */
export function lackingFile(name: PeerName): string {
  return join(PEERS, `${name}-lacking.txt`);
}

/** Appended to the name of a suite, so that its skipping names its reason. */
export function needs(name: PeerName): string {
  const why = peerLacks(name);
  return why === undefined ? '' : ` (${why})`;
}

/** A server on this machine that speaks as Amazon does. */
export interface AwsPeer extends AsyncDisposable {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Versitygw extends AwsPeer {
  /** A bucket is a folder in it, an object a file: quicker than to put many. */
  readonly dataFolder: string;
}

/** A real S3 server with versions, Object Lock and conditional writes. Its owner may do everything. */
export async function startVersitygw(): Promise<Versitygw> {
  const folder = await temporaryFolder();
  const [data, versions, iam] = ['data', 'versions', 'iam'].map((name) => join(folder.path, name));
  for (const path of [data, versions, iam]) await mkdir(path ?? '');
  const owner = { accessKeyId: 'testowner', secretAccessKey: 'testsecret' };
  const started = await startServer((port) => ({
    program: VERSITYGW_PROGRAM,
    args: `--port 127.0.0.1:${port} --keep-alive --quiet --health /health --region ${REGION}`
      .split(' ')
      .concat('--access', owner.accessKeyId, '--secret', owner.secretAccessKey)
      .concat('--iam-dir', iam ?? '', 'posix', '--versioning-dir', versions ?? '', data ?? ''),
    health: '/health',
  }));
  return {
    ...owner,
    region: REGION,
    endpoint: started.endpoint,
    dataFolder: data ?? '',
    async [Symbol.asyncDispose]() {
      await stop(started.child);
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** moto: S3, Secrets Manager with replicas, and more. Believes every key; forgets all when it stops. */
export async function startMoto(): Promise<AwsPeer> {
  const started = await startServer((port) => ({
    program: PEER_PYTHON,
    args: ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)],
    health: '/moto-api/',
  }));
  return {
    endpoint: started.endpoint,
    region: REGION,
    accessKeyId: 'testing',
    secretAccessKey: 'testing',
    [Symbol.asyncDispose]: () => stop(started.child),
  };
}

interface Server {
  readonly program: string;
  readonly args: readonly string[];
  /** A path that answers once the server is up. */
  readonly health: string;
}

interface Started {
  readonly endpoint: string;
  readonly child: ChildProcess;
}

async function startServer(describe: (port: number) => Server): Promise<Started> {
  const words: string[] = [];
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    // Somebody else may take the port between our asking and the server's: then another one.
    const port = await freePort();
    const { program, args, health } = describe(port);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => words.push(bytes.toString()));
    child.on('error', (error) => words.push(error.message));
    const endpoint = `http://127.0.0.1:${port}`;
    await waitUntil(
      async () => child.exitCode !== null || (await answers(`${endpoint}${health}`)),
      START_MS,
    );
    if (child.exitCode === null) return { endpoint, child };
  }
  throw new Error(`A peer did not start: ${words.join('').slice(-2000)}`);
}

async function answers(url: string): Promise<boolean> {
  return await fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<AddressInfo>();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') resolve(address);
  });
  const { port } = await promise;
  await new Promise((done) => server.close(done));
  return port;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
