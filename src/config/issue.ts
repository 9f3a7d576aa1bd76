/** One thing that is wrong with a config: where, what, and what was likely meant. Plain data. */

export interface ConfigIssue {
  /** `servers.shop.stores[0]`; empty: the file as a whole. */
  readonly path: string;
  /** Counted from one. */
  readonly line: number;
  /** What is, and what should be. Never a value that may be a secret. */
  readonly message: string;
  /** What to write instead. */
  readonly suggestion?: string;
}

export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      return index === 0 ? String(part) : `.${String(part)}`;
    })
    .join('');
}

/** `line 7, servers.shop.stors: unknown key (did you mean "stores"?)`. */
export function issueText({ path, line, message, suggestion }: ConfigIssue): string {
  const place = path === '' ? `line ${line}` : `line ${line}, ${path}`;
  return `${place}: ${message}${suggestion === undefined ? '' : ` (${suggestion})`}`;
}

export function inOrder(issues: readonly ConfigIssue[]): readonly ConfigIssue[] {
  return issues.toSorted((a, b) => a.line - b.line || (a.path < b.path ? -1 : 1));
}
