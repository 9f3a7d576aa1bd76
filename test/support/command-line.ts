/** The command line as a user starts it: a process of its own, its streams, its exit code. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

import { createKeyFile } from '../../src/encryption/file-key-ring.ts';

const SHIM = join(import.meta.dirname, '../../src/dbdr.mjs');

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  /** What has been written so far. */
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<Ended>;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** The Node that starts the shim; default: ours. */
  readonly node?: string;
}

export function startCommand(words: readonly string[], options: CommandOptions): Started {
  const child = spawn(options.node ?? process.execPath, [SHIM, ...words], {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
  return { child, stdout: () => stdout, stderr: () => stderr, ended };
}

export async function runCommand(
  words: readonly string[],
  options: CommandOptions,
): Promise<Ended> {
  return startCommand(words, options).ended;
}

/** The machine's own Node, which may be too old for us; ours where there is no other. */
export function hostNode(): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const own = folders.filter((folder) => !folder.includes('node_modules'));
  return own.map((folder) => join(folder, 'node')).find(existsSync) ?? process.execPath;
}

export interface TestConfig {
  readonly url: string;
  /** Further lines of YAML. */
  readonly more?: string;
  /** False: no key file is made. */
  readonly key?: boolean;
}

/** Writes `dbdr.yaml` with one server, one store and a key into `folder`. */
export async function writeTestConfig(
  folder: string,
  { url, more = '', key = true }: TestConfig,
): Promise<void> {
  const yaml = `timezone: Europe/Berlin
servers:
  shop: { url: "${url}", stores: [here], archiving: { tail_seconds: 1 } }
stores:
  here: { kind: directory, path: ./store }
keys: { kind: file, path: ./keyring.json }
${more}`;
  await writeFile(join(folder, 'dbdr.yaml'), yaml);
  if (key) await createKeyFile(join(folder, 'keyring.json'));
}
