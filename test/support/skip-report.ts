/**
 * A reporter: says with what this machine runs the tests, and names each suite that it had to skip,
 * and why. With `CI=true` nothing may be skipped: then the run fails.
 */
import { accessSync, constants } from 'node:fs';
import { relative } from 'node:path';

import type { Reporter, TestCase, TestModule } from 'vitest/node';

import { findPrograms } from '../../src/postgres/programs.ts';
import { resolveUser } from '../../src/subprocess/user.ts';
import { peerLacks } from './peers.ts';

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const LOOK_MS = 20_000;

export default class SkipReport implements Reporter {
  async onTestRunStart(): Promise<void> {
    say(`PostgreSQL: ${await describePostgres()}`);
    say(`Browser: ${describeBrowser()}`);
    for (const name of ['versitygw', 'python'] as const) say(`Peer ${peerLacks(name) ?? name}`);
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = modules.flatMap(describeSkipped);
    for (const line of lines) say(`Skipped: ${line}`);
    if (lines.length === 0 || process.env['CI'] !== 'true') return;
    say('With CI=true nothing may be skipped');
    process.exitCode = 1;
  }
}

async function describePostgres(): Promise<string> {
  const signal = AbortSignal.timeout(LOOK_MS);
  try {
    const user = await resolveUser('postgres', { signal });
    const found = await findPrograms({ signal, user, environment: process.env });
    if (found.source === 'system') return `${found.major} in ${found.directory}`;
    return `${found.major}, the embedded one that npm brings: there are no programs of a system's PostgreSQL, so what needs its client programs is skipped`;
  } catch (error) {
    return `none: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function describeBrowser(): string {
  const named = process.env['DBDR_CHROMIUM'];
  const candidates = named === undefined ? BROWSERS : [named, ...BROWSERS];
  const found = candidates.find(isProgram);
  return found ?? 'none: the tests in a real browser are skipped (apt-get install chromium)';
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** One line for each suite of a file that has skipped tests, with their reasons. */
function describeSkipped(module: TestModule): readonly string[] {
  const skipped = [...module.children.allTests('skipped')];
  const suites = Map.groupBy(skipped, suiteName);
  return [...suites].map(([suite, tests]) => {
    const file = relative(process.cwd(), module.moduleId);
    const reasons = new Set(tests.map(reasonOf).filter((reason) => reason !== ''));
    const why = reasons.size === 0 ? '' : `: ${[...reasons].join('; ')}`;
    const count = tests.length === 1 ? '1 test' : `${tests.length} tests`;
    return `${file}, ${suite} (${count})${why}`;
  });
}

function suiteName(test: TestCase): string {
  return test.parent.type === 'suite' ? test.parent.fullName : test.name;
}

/** What `context.skip('…')` said, or what this machine lacks as the suite's own name tells. */
function reasonOf(test: TestCase): string {
  const result = test.result();
  return result.state === 'skipped' ? (result.note ?? '') : '';
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
