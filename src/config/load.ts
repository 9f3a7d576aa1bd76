/**
 * File and environment in, a frozen Config out. Promises: every error at once, each with its path and
 * line; relative paths are read from the file's own folder; what is answered never changes. Refuses a
 * config with any error, for a backup that half a config describes is no backup.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { z } from 'zod';

import { Problem } from '../kernel/problem.ts';
import { managedReferences } from '../secrets/fill.ts';
import { readManaged } from '../secrets/managed.ts';
import {
  type Environment,
  type ManagedSecrets,
  type SecretSources,
  secretSources,
} from '../secrets/sources.ts';
import { Config } from './config.ts';
import { crossChecks } from './cross-checks.ts';
import { type ConfigDocument, type ConfigPath, readDocument } from './document.ts';
import { type FilledData, fillData } from './fill.ts';
import { type ConfigIssue, inOrder, issueText, pathText } from './issue.ts';
import { type ConfigParts, readParts, unwrittenTexts } from './parts.ts';
import { CONFIG_INVALID, CONFIG_MISSING } from './problems.ts';
import { schemaIssues } from './schema-issues.ts';

export interface ConfigRequest {
  /** What `--config` says. */
  readonly file?: string | undefined;
  readonly environment: Environment;
  readonly directory: string;
  /** What AWS Secrets Manager keeps for it (`askManaged()`). Default: nothing was asked. */
  readonly managed?: ManagedSecrets | undefined;
}

/** A config file that was read, good or not. */
export interface ConfigReading {
  readonly file: string;
  readonly document: ConfigDocument;
  readonly filled: FilledData;
  readonly issues: readonly ConfigIssue[];
  /** Undefined when there are issues. */
  readonly config: Config | undefined;
}

export interface LoadedConfig {
  readonly file: string;
  readonly config: Config;
}

/** `--config`, then DBDR_CONFIG, then `dbdr.yaml` in the working directory. */
export function configFile({ file, environment, directory }: ConfigRequest): string {
  const named = file ?? environment['DBDR_CONFIG'];
  return resolve(directory, named === undefined || named === '' ? 'dbdr.yaml' : named);
}

/** @throws Problem CONFIG_MISSING, CONFIG_INVALID with all that is wrong. */
export function loadConfig(request: ConfigRequest): LoadedConfig {
  const { file, config, issues } = readConfig(request);
  if (config === undefined) throw invalidConfig(file, issues);
  return { file, config };
}

export function invalidConfig(file: string, issues: readonly ConfigIssue[]): Problem {
  const count = issues.length === 1 ? '1 error' : `${issues.length} errors`;
  const lines = issues.map((issue) => `\n  ${issueText(issue)}`);
  return new Problem(CONFIG_INVALID, `Cannot use "${file}": ${count}${lines.join('')}`, {
    facts: { file, errors: issues.length },
  });
}

/** Reads it whatever is wrong with it. @throws Problem CONFIG_MISSING */
export function readConfig(request: ConfigRequest): ConfigReading {
  const file = configFile(request);
  const { environment, managed } = request;
  return parseConfig(readText(file), { file, environment, managed });
}

/**
 * The request with the values that AWS Secrets Manager keeps: the only part of reading a config that has to
 * wait for somebody. Asks nobody where the file names none.
 *
 * @throws Problem CONFIG_MISSING
 */
export async function askManaged(
  request: ConfigRequest,
  { signal }: { readonly signal: AbortSignal },
): Promise<ConfigRequest> {
  const { data } = readDocument(readText(configFile(request)));
  const { environment } = request;
  const managed = await readManaged(managedReferences(data), { environment, signal });
  return { ...request, managed };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Problem(CONFIG_MISSING, `Cannot read the config "${file}": ${whyUnread(cause)}`, {
      facts: { file },
      cause,
    });
  }
}

function whyUnread(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES') return 'this user may not read it';
  return code === 'EISDIR' ? 'it is a folder' : 'it cannot be opened';
}

export interface ParseOptions {
  /** Absolute: relative paths in the config start at its folder. */
  readonly file: string;
  readonly environment: Environment;
  readonly managed?: ManagedSecrets | undefined;
}

/** The text of a config, read. Touches no disk but for secrets that lie in files. */
export function parseConfig(text: string, options: ParseOptions): ConfigReading {
  const { file, environment, managed } = options;
  const sources = secretSources(environment, managed);
  const document = readDocument(text);
  const filled = fillData(document.data ?? {}, sources);
  if (document.issues.length > 0)
    return { file, document, filled, issues: inOrder(document.issues), config: undefined };

  const parsed = Config.safeParse(filled.data);
  if (!parsed.success) {
    const issues = issuesOf(filled, { error: parsed.error, document, file, sources });
    return { file, document, filled, issues, config: undefined };
  }

  // Defaults may name secrets too.
  const defaults = fillData(parsed.data, sources);
  const all = withDefaults(filled, defaults);
  const config = absolutePaths(Config.parse(defaults.data), dirname(file));
  const issues = [
    ...all.missing.map((one) => missingIssue(one, document)),
    ...crossIssues(config, document),
  ];
  if (issues.length > 0)
    return { file, document, filled: all, issues: inOrder(issues), config: undefined };
  return { file, document, filled: all, issues, config: freeze(config) };
}

interface FailedReading {
  readonly error: z.ZodError;
  readonly document: ConfigDocument;
  readonly file: string;
  readonly sources: SecretSources;
}

/** All that is wrong, also what a clean schema would have let us see. */
function issuesOf(
  { data, missing }: FilledData,
  { error, document, file, sources }: FailedReading,
): readonly ConfigIssue[] {
  const unwritten = fillData(unwrittenTexts(data), sources).missing;
  const lost = [...missing, ...unwritten].map((one) => missingIssue(one, document));
  const told = [
    ...schemaIssues(error.issues, document),
    ...crossIssues(readParts(data, dirname(file)), document),
  ];
  const issues = [...lost, ...told];
  // One thing is told once, and what is not filled in yet cannot be judged.
  const first = new Map(issues.toReversed().map((issue) => [issue.path, issue]));
  return inOrder(issues.filter((issue) => first.get(issue.path) === issue));
}

function crossIssues(parts: ConfigParts, document: ConfigDocument): readonly ConfigIssue[] {
  return crossChecks(parts).map(({ path, ...rest }) => ({
    ...rest,
    path: pathText(path),
    line: document.lineOf(path),
  }));
}

function withDefaults(filled: FilledData, defaults: FilledData): FilledData {
  return {
    data: defaults.data,
    origins: new Map([...defaults.origins, ...filled.origins]),
    missing: defaults.missing,
  };
}

function missingIssue(
  missing: FilledData['missing'][number],
  document: ConfigDocument,
): ConfigIssue {
  const path: ConfigPath = missing.path;
  return {
    path: pathText(path),
    line: document.lineOf(path),
    message: missing.why,
    suggestion: missing.hint,
  };
}

function absolutePaths(config: Config, folder: string): Config {
  const state = resolve(folder, config.state);
  const stores = Object.entries(config.stores).map(
    ([name, store]) =>
      [
        name,
        store.kind === 'directory' ? { ...store, path: resolve(folder, store.path) } : store,
      ] as const,
  );
  const scratch = config.scratch.path;
  return {
    ...config,
    state,
    stores: Object.fromEntries(stores),
    keys:
      config.keys.kind === 'file'
        ? { ...config.keys, path: resolve(folder, config.keys.path) }
        : config.keys,
    scratch: {
      ...config.scratch,
      path: scratch === undefined ? join(state, 'scratch') : resolve(folder, scratch),
    },
  };
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
