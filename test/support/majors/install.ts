/**
 * Installs the embedded PostgreSQL 16, 17 and 18 beside this file, for tests of every major. They are
 * not among the project's own packages: the demo must install quickly. Costs nothing when they are
 * there. When they cannot be had it says so, and the tests that need them name it as they are skipped;
 * with `CI=true` that is an error.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const FOLDER = import.meta.dirname;
const MODULES = join(FOLDER, 'node_modules');
/** Which lock file was installed to its end. */
const STAMP = join(MODULES, '.installed');
const INSTALL_MS = 300_000;

const lock = createHash('sha256')
  .update(readFileSync(join(FOLDER, 'package-lock.json')))
  .digest('hex');
if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== lock) {
  const problem = install();
  if (problem === undefined) writeFileSync(STAMP, lock);
  else {
    process.stderr.write(`PostgreSQL 16 to 18 for tests cannot be installed: ${problem}\n`);
    if (process.env['CI'] === 'true') process.exitCode = 1;
  }
}

/** What went wrong, or undefined. */
function install(): string | undefined {
  // The scripts are run here: an npm that knows no `allowScripts` would run others' too, or none.
  const wanted = ['ci', '--prefix', FOLDER, '--ignore-scripts', '--no-audit', '--no-fund'];
  const problem = run('npm', wanted, FOLDER);
  if (problem !== undefined) return problem;
  const scripts = globSync('*/scripts/hydrate-symlinks.js', { cwd: MODULES });
  if (scripts.length === 0) return `there is none for ${process.platform}-${process.arch}`;
  for (const script of scripts) {
    const failed = run(
      process.execPath,
      [join(MODULES, script)],
      dirname(dirname(join(MODULES, script))),
    );
    if (failed !== undefined) return failed;
  }
  return undefined;
}

function run(program: string, args: readonly string[], cwd: string): string | undefined {
  const end = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: INSTALL_MS });
  if (end.error !== undefined) return end.error.message;
  return end.status === 0 ? undefined : `${program} ended with ${end.status}: ${end.stderr.trim()}`;
}
