/**
 * Where secret values come from: the environment, or the file that `NAME_FILE` names (as container
 * secrets are handed over); and AWS Secrets Manager, asked before (`managed.ts`). Values are never logged.
 */
import { readFileSync } from 'node:fs';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface SecretSources {
  /** The value called `NAME`. */
  find(name: string): SecretFound;
  /** What `secretsmanager:NAME#field` stands for. */
  findManaged(reference: string): SecretFound;
}

export type SecretFound =
  | { readonly outcome: 'found'; readonly value: string; readonly from: string }
  | { readonly outcome: 'missing'; readonly why: string };

/** Reference → what AWS said. */
export type ManagedSecrets = ReadonlyMap<string, SecretFound>;

export function secretSources(
  environment: Environment,
  managed: ManagedSecrets = new Map(),
): SecretSources {
  return {
    findManaged: (reference) =>
      managed.get(reference) ?? { outcome: 'missing', why: 'AWS Secrets Manager was not asked' },

    find(name) {
      const value = environment[name];
      if (value !== undefined && value !== '')
        return { outcome: 'found', value, from: `environment ${name}` };
      const file = environment[`${name}_FILE`];
      if (file !== undefined && file !== '') return readSecretFile(name, file);
      if (value === '') return { outcome: 'missing', why: `the environment has an empty ${name}` };
      return { outcome: 'missing', why: `the environment has no ${name}` };
    },
  };
}

function readSecretFile(name: string, file: string): SecretFound {
  try {
    const value = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    return { outcome: 'found', value, from: `file ${file}` };
  } catch {
    return { outcome: 'missing', why: `${name}_FILE names "${file}", which cannot be read` };
  }
}
