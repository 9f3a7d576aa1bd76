/**
 * What is loaded when: `dbdr --help` reads the words of the command line and no SDK, by the graph of
 * static imports and by what the process really loaded; and help lists the operations that exist.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

import { OPERATIONS } from '../../src/cli/commands.ts';
import { describeOperations } from '../../src/wire-describe.ts';

const SRC = join(import.meta.dirname, '../../src');
const MAIN = join(SRC, 'main.ts');

/** `import type` is gone before anything is loaded; `import()` is loaded when it is reached. */
const STATIC = /^(?:import|export)\s(?!type\s)(?:[^;]*?\sfrom\s+)?'(?<to>[^']+)'/gmu;

/** Small, and needed to read a config: everything else must wait. */
const LIGHT = new Set(['zod', 'yaml']);

function reachable(entry: string): { readonly files: Set<string>; readonly packages: Set<string> } {
  const files = new Set<string>([entry]);
  const packages = new Set<string>();
  for (const file of files) {
    for (const match of readFileSync(file, 'utf8').matchAll(STATIC)) {
      const to = match.groups?.['to'] ?? '';
      if (to.startsWith('.')) files.add(join(dirname(file), to));
      else if (!to.startsWith('node:')) packages.add(to.split('/')[0] ?? to);
    }
  }
  return { files, packages };
}

describe('main.ts', () => {
  test('imports nothing heavy before a command needs it', () => {
    const { files, packages } = reachable(MAIN);

    expect(files.size).toBeGreaterThan(20); // A graph that finds nothing proves nothing.
    expect([...packages].filter((name) => !LIGHT.has(name))).toEqual([]);
    expect([...files].filter((file) => file.includes('/wire'))).toEqual([]);
  });

  test('knows buckets without loading the SDK, which waits until one is used', () => {
    const { files, packages } = reachable(join(SRC, 'storage/s3/store.ts'));

    expect(files.size).toBeGreaterThan(10);
    expect([...packages]).toEqual([]);
  });

  test('loads no SDK for --help, in the process itself', async () => {
    // Native add-ons and CommonJS packages show in `require.cache`; ES modules in the loader's hook.
    const hook = `import { registerHooks } from 'node:module';
      registerHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context); } });`;
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      '--import',
      `data:text/javascript,${encodeURIComponent(hook)}`,
      MAIN,
      '--help',
    ]);

    const packages = [...stderr.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)\//g)].map(
      ([, name]) => name ?? '',
    );
    expect(stdout).toContain('Usage: npx dbdr');
    expect(stderr).toContain('/src/cli/help.ts');
    expect([...new Set(packages)].filter((name) => !LIGHT.has(name))).toEqual([]);
  });
});

describe('help', () => {
  test('lists the operations that exist, and no others', () => {
    const existing = describeOperations().all.map(({ name }) => name);

    expect(OPERATIONS.map(({ name }) => name).toSorted()).toEqual(existing.toSorted());
  });
});
