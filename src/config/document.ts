/**
 * A config file as text with places: YAML in, plain data out, and for every path the line it stands
 * on. Refuses what YAML itself refuses, with the line. Pure.
 */
import { isMap, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml';

import type { ConfigIssue } from './issue.ts';

export type ConfigPath = readonly (string | number)[];

export interface ConfigDocument {
  readonly data: unknown;
  readonly issues: readonly ConfigIssue[];
  /** The line of the key at `path`, or of the nearest thing above it that is there. */
  lineOf(path: ConfigPath): number;
  has(path: ConfigPath): boolean;
}

export function readDocument(text: string): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const issues = document.errors.map((error) => ({
    path: '',
    line: lines.linePos(error.pos[0]).line,
    message: `not YAML: ${error.message}`,
  }));
  const data: unknown = issues.length === 0 ? document.toJS() : undefined;

  function offsetAt(path: ConfigPath): number | undefined {
    const key = path.at(-1);
    if (key === undefined) return document.contents?.range?.[0];
    const parent: unknown = document.getIn(path.slice(0, -1), true);
    const holder = path.length === 1 ? document.contents : parent;
    if (isMap(holder)) return keyOffset(holder.items, key);
    const item: unknown = document.getIn(path, true);
    return isNode(item) ? item.range?.[0] : undefined;
  }

  return {
    data,
    issues,
    lineOf(path) {
      for (let length = path.length; length >= 0; length -= 1) {
        const offset = offsetAt(path.slice(0, length));
        if (offset !== undefined) return lines.linePos(offset).line;
      }
      return 1;
    },
    has: (path) => offsetAt(path) !== undefined,
  };
}

function keyOffset(items: readonly unknown[], key: string | number): number | undefined {
  for (const pair of items) {
    if (!isPair(pair) || !isScalar(pair.key)) continue;
    if (String(pair.key.value) === String(key)) return pair.key.range?.[0];
  }
  return undefined;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'range' in value;
}
