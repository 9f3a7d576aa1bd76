/** What the schema says about a config, as sentences with a place and a near word. Pure. */
import { z } from 'zod';

import { nearestWord } from '../kernel/nearest.ts';
import { Config } from './config.ts';
import type { ConfigDocument } from './document.ts';
import { type ConfigIssue, pathText } from './issue.ts';

type SchemaIssue = z.core.$ZodIssue;

export function schemaIssues(
  issues: readonly SchemaIssue[],
  document: Pick<ConfigDocument, 'lineOf'>,
): readonly ConfigIssue[] {
  return issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => unknownKey([...issue.path, key], document))
      : [otherIssue(issue, document)],
  );
}

function unknownKey(
  path: readonly PropertyKey[],
  document: Pick<ConfigDocument, 'lineOf'>,
): ConfigIssue {
  const known = knownKeys(path.slice(0, -1));
  const near = nearestWord(String(path.at(-1)), known);
  return {
    path: pathText(path),
    line: document.lineOf(plainPath(path)),
    message: 'unknown key',
    suggestion: near === undefined ? `known here: ${known.join(', ')}` : `did you mean "${near}"?`,
  };
}

function otherIssue(issue: SchemaIssue, document: Pick<ConfigDocument, 'lineOf'>): ConfigIssue {
  // A record's bad key is told at the key itself.
  const key = issue.code === 'invalid_key' ? issue.issues[0]?.message : undefined;
  const message = key ?? issue.message;
  const missing = issue.code === 'invalid_type' && message.endsWith('received undefined');
  return {
    path: pathText(issue.path),
    line: document.lineOf(plainPath(issue.path)),
    message: missing ? `is missing: ${expected(message)}` : expected(message),
  };
}

/** `must be a number`, `must be one of "a", "b"`: no more than a reader needs, never the value itself. */
function expected(message: string): string {
  const options = /^Invalid option: expected one of (.*)$/.exec(message)?.[1];
  if (options !== undefined) return `must be one of ${options.replaceAll('|', ', ')}`;
  const kinds = /^Invalid discriminator value. Expected (.*)$/.exec(message)?.[1];
  if (kinds !== undefined)
    return `must be one of ${kinds.replaceAll(' | ', ', ').replaceAll("'", '"')}`;
  const type = /^Invalid input: expected (\S+), received/.exec(message)?.[1];
  if (type !== undefined) return `must be ${KINDS[type] ?? type}`;
  return message.replace(/^Invalid input: expected /, 'must be ');
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  object: 'a section with keys of its own',
  record: 'a section with names of its own',
  array: 'a list',
};

function plainPath(path: readonly PropertyKey[]): readonly (string | number)[] {
  return path.map((part) => (typeof part === 'symbol' ? part.toString() : part));
}

/** A JSON schema's parts that lead from a section to the keys it knows. */
const SchemaNode = z.object({
  properties: z.record(z.string(), z.unknown()).optional(),
  additionalProperties: z.unknown().optional(),
  items: z.unknown().optional(),
  oneOf: z.array(z.unknown()).optional(),
  anyOf: z.array(z.unknown()).optional(),
});

/** Of a section that may be of several kinds: the keys of all of them. */
function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  let nodes = variantsOf(z.toJSONSchema(Config, { io: 'input', unrepresentable: 'any' }));
  for (const part of path)
    nodes = nodes.flatMap(({ items, properties, additionalProperties }) =>
      variantsOf(
        typeof part === 'number' ? items : (properties?.[String(part)] ?? additionalProperties),
      ),
    );
  return [...new Set(nodes.flatMap(({ properties = {} }) => Object.keys(properties)))];
}

function variantsOf(node: unknown): readonly z.infer<typeof SchemaNode>[] {
  const read = SchemaNode.safeParse(node).data;
  if (read === undefined) return [];
  return [read, ...[...(read.oneOf ?? []), ...(read.anyOf ?? [])].flatMap(variantsOf)];
}
