/**
 * Settings that AWS Secrets Manager keeps: `secretsmanager:NAME`, or `secretsmanager:NAME#field` of a
 * secret that is JSON. NAME may be an ARN, which names its region; else it is AWS_REGION. What cannot be
 * had is an answer with its reason, so that all that is wrong with a config is told at once.
 */
import { isProblem } from '../kernel/problem.ts';
import type { RegionSecrets, StoredSecret } from './secrets-manager.ts';
import type { Environment, ManagedSecrets, SecretFound } from './sources.ts';

export interface ManagedOptions {
  readonly environment: Environment;
  readonly signal: AbortSignal;
  /** Default: AWS itself, whose packages are loaded only then. */
  readonly open?: (region: string) => RegionSecrets;
}

export async function readManaged(
  references: readonly string[],
  options: ManagedOptions,
): Promise<ManagedSecrets> {
  if (references.length === 0) return new Map();
  const open = options.open ?? (await openAws());
  const answers = new Map<string, SecretFound>();
  for (const reference of references)
    answers.set(reference, await read(reference, { ...options, open }));
  return answers;
}

async function openAws(): Promise<(region: string) => RegionSecrets> {
  const { regionSecrets } = await import('./secrets-manager.ts');
  return (region) => regionSecrets({ region });
}

async function read(
  reference: string,
  { environment, signal, open }: Required<ManagedOptions>,
): Promise<SecretFound> {
  const [, name = '', field] = /^secretsmanager:([^#]+)(?:#(.+))?$/.exec(reference) ?? [];
  if (name === '') return missing('it should be secretsmanager:NAME#field');
  const region = regionOf(name, environment);
  if (region === '')
    return missing('nothing says in which region: set AWS_REGION, or give the ARN');
  using secrets = open(region);
  try {
    return valueOf(await secrets.read(name, { signal }), { name, field, reference });
  } catch (error) {
    if (isProblem(error)) return missing(error.message);
    throw error;
  }
}

interface Wanted {
  readonly name: string;
  /** Undefined: the whole secret. */
  readonly field: string | undefined;
  readonly reference: string;
}

function valueOf({ text, bytes }: StoredSecret, { name, field, reference }: Wanted): SecretFound {
  const whole = text ?? bytes?.toString('utf8') ?? '';
  const value = field === undefined ? whole : fieldOf(whole, field);
  return value === undefined
    ? missing(`the secret "${name}" has no field "${field ?? ''}"`)
    : { outcome: 'found', value, from: reference };
}

/** Empty: nothing says. */
function regionOf(name: string, environment: Environment): string {
  return (
    /^arn:[^:]+:secretsmanager:([^:]+):/.exec(name)?.[1] ??
    environment['AWS_REGION'] ??
    environment['AWS_DEFAULT_REGION'] ??
    ''
  );
}

/** Undefined: it is no JSON, or has no such field with a text or a number. */
function fieldOf(text: string, field: string): string | undefined {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== 'object' || json === null) return undefined;
    const value: unknown = new Map<string, unknown>(Object.entries(json)).get(field);
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  } catch {
    // No word of why: the parser's error quotes the text.
    return undefined;
  }
}

function missing(why: string): SecretFound {
  return { outcome: 'missing', why };
}
