/**
 * Replaces `${NAME}` in every text of the config by its value, and remembers where each came from.
 * All that is missing is told at once. Pure but for the secret sources.
 */
import { fillSecrets, namesSecret } from '../secrets/fill.ts';
import type { SecretSources } from '../secrets/sources.ts';
import type { ConfigPath } from './document.ts';

export interface FilledData {
  readonly data: unknown;
  /** Path as text → where its value came from. */
  readonly origins: ReadonlyMap<string, FilledFrom>;
  readonly missing: readonly MissingValue[];
}

export interface FilledFrom {
  /** As it stands in the file: safe to show. */
  readonly raw: string;
  /** `environment SHOP_PASSWORD`. */
  readonly from: readonly string[];
}

export interface MissingValue {
  readonly path: ConfigPath;
  readonly why: string;
  readonly hint: string;
}

export function fillData(data: unknown, sources: SecretSources): FilledData {
  const origins = new Map<string, FilledFrom>();
  const missing: MissingValue[] = [];

  function fillText(text: string, path: ConfigPath): string {
    if (!namesSecret(text)) return text;
    const filled = fillSecrets(text, sources);
    if (filled.outcome === 'refused') {
      missing.push({ path, why: filled.why, hint: filled.hint });
      return text;
    }
    origins.set(JSON.stringify(path), { raw: text, from: filled.from });
    return filled.text;
  }

  function fill(value: unknown, path: ConfigPath): unknown {
    if (typeof value === 'string') return fillText(value, path);
    if (Array.isArray(value)) return value.map((item, index) => fill(item, [...path, index]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, fill(inner, [...path, key])]),
    );
  }

  return { data: fill(data, []), origins, missing };
}
