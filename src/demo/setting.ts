/**
 * The stage: one temporary folder that holds the shop's PostgreSQL, the store, the key and the bot's
 * state, and is gone when the demo ends. Everything is what a user would set up, only smaller.
 */
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';

import { planScratchPlace } from '../clusters/place.ts';
import { destroyScratch } from '../clusters/teardown.ts';
import { ANA, BEN, CLEO, NEWS, OPS } from './people.ts';

export interface SettingOptions {
  readonly shopUrl: string;
  readonly botPort: number;
  readonly workspaceApiUrl: string;
  /** Runs the scratch clusters when the demo is root. */
  readonly user: string;
}

/** The folder alone, open to the user that runs PostgreSQL; it goes when the demo goes. */
export async function openDemoFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'dbdr-demo-'));
  await chmod(path, 0o711);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await removeInstances(path);
      await rm(path, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Restored copies outlive the bot, as they should; here nobody is left to come back to them. */
async function removeInstances(folder: string): Promise<void> {
  const root = join(folder, 'state', 'scratch');
  const names = await readdir(root).catch(() => []);
  for (const name of names) await destroyScratch(planScratchPlace({ root, name }));
}

/** Writes `dbdr.yaml` into `folder`; answers its path. */
export async function writeConfig(folder: string, options: SettingOptions): Promise<string> {
  const config = {
    timezone: 'Europe/Berlin',
    state: join(folder, 'state'),
    servers: {
      shop: {
        url: options.shopUrl,
        stores: ['here'],
        archiving: { tail_seconds: 1 },
      },
    },
    stores: { here: { kind: 'directory', path: join(folder, 'store') } },
    keys: { kind: 'file', path: join(folder, 'keyring.json') },
    slack: {
      mode: 'http',
      port: options.botPort,
      api_url: options.workspaceApiUrl,
      channels: { ops: OPS, stakeholders: NEWS },
      people: { operators: [ANA], approvers: [ANA, BEN, CLEO] },
    },
    scratch: { user: options.user },
  };
  await mkdir(join(folder, 'store'), { recursive: true });
  const path = join(folder, 'dbdr.yaml');
  await writeFile(path, stringify(config), { mode: 0o600 });
  return path;
}
