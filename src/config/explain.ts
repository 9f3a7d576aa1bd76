/**
 * Each value of a config and where it came from: a default, a line of the file, the environment.
 * Secrets are never shown: what comes from elsewhere is shown as it is named in the file.
 */
import type { ConfigPath } from './document.ts';
import { pathText } from './issue.ts';
import type { ConfigReading } from './load.ts';

export interface ExplainedValue {
  readonly path: string;
  readonly value: string | number | boolean;
  /** `default`, `line 7`, `environment SHOP_PASSWORD (line 7)`. */
  readonly from: string;
}

const SECRET_NAMES = /(?:token|secret|password|routing_key)$/;
const HIDDEN = '(hidden)';

export function explainConfig({
  config,
  document,
  filled,
}: ConfigReading): readonly ExplainedValue[] {
  return leaves(config ?? filled.data, []).map(([path, value]) => {
    const origin = filled.origins.get(JSON.stringify(path));
    return {
      path: pathText(path),
      value: origin === undefined ? shown(path, value) : origin.raw,
      from: whereFrom(path, { document, origin }),
    };
  });
}

interface Whence {
  readonly document: ConfigReading['document'];
  readonly origin: { readonly from: readonly string[] } | undefined;
}

function whereFrom(path: ConfigPath, { document, origin }: Whence): string {
  const line = document.has(path) ? `line ${document.lineOf(path)}` : 'default';
  return origin === undefined ? line : `${origin.from.join(', ')} (${line})`;
}

function leaves(
  value: unknown,
  path: ConfigPath,
): readonly (readonly [ConfigPath, string | number | boolean])[] {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Array.isArray(value)
    ? value.flatMap((inner, index) => leaves(inner, [...path, index]))
    : Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function shown(path: ConfigPath, value: string | number | boolean): string | number | boolean {
  if (typeof value !== 'string') return value;
  if (SECRET_NAMES.test(String(path.at(-1)))) return HIDDEN;
  return redactUrl(value);
}

/** Passwords in URLs, wherever a URL lets one stand. */
export function redactUrl(text: string): string {
  return text
    .replaceAll(/(:\/\/[^\s:/?#]*:)[^\s]*(@)/g, `$1${HIDDEN}$2`)
    .replaceAll(/([?&](?:password|sslpassword)=)[^&\s]*/gi, `$1${HIDDEN}`);
}
