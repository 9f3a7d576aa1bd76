/**
 * The SQL that joins a restored table back into the living one: a lost column, lost rows or the whole
 * table. It is shown to people, who run it; it is repeatable and takes strong locks only briefly. Pure.
 */
import type { TableShape } from './find-tables.ts';
import { sqlName, sqlNames, sqlTable } from './sql-names.ts';

export interface JoinRequest {
  /** As it is in production now; undefined: it is gone. */
  readonly production: TableShape | undefined;
  readonly restored: TableShape;
  readonly table: { readonly schema: string; readonly name: string };
  readonly restoredAs: { readonly schema: string; readonly name: string };
}

export interface Join {
  /** One sentence: what differs, and so what the SQL does. */
  readonly what: string;
  readonly joinSql: string;
  /** Answers one number, which must be 0 afterwards. */
  readonly verificationSql: string;
}

/** How long the brief lock may be waited for: everybody else queues behind us meanwhile. */
const LOCK_TIMEOUT = "SET lock_timeout = '5s';";

export function planJoin(request: JoinRequest): Join {
  const { production, restored } = request;
  if (production === undefined) return wholeTable(request);
  const lost = restored.columns.filter(
    ({ name }) => !production.columns.some((column) => column.name === name),
  );
  const key = restored.primaryKey;
  const keyed = key.length > 0 && key.every((name) => hasColumn(production, name));
  if (!keyed) return byHand(request);
  if (lost.length > 0) return lostColumns(request, lost);
  return lostRows(request, production);
}

function hasColumn(shape: TableShape, name: string): boolean {
  return shape.columns.some((column) => column.name === name);
}

function wholeTable({ restored, table, restoredAs }: JoinRequest): Join {
  const [target, source] = [sqlTable(table), sqlTable(restoredAs)];
  const key =
    restored.primaryKey.length === 0
      ? []
      : [`ALTER TABLE ${target} ADD PRIMARY KEY (${sqlNames(restored.primaryKey)});`];
  return {
    what: `Table ${target} is gone: this makes it anew, with its rows and primary key.`,
    joinSql: [`CREATE TABLE ${target} AS TABLE ${source};`, ...key].join('\n'),
    verificationSql: `SELECT (SELECT count(*) FROM ${source}) - (SELECT count(*) FROM ${target}) AS missing;`,
  };
}

function lostColumns(
  { restored, table, restoredAs }: JoinRequest,
  lost: TableShape['columns'],
): Join {
  const [target, source] = [sqlTable(table), sqlTable(restoredAs)];
  const names = lost.map(({ name }) => name);
  const additions = lost.map(
    ({ name, type }) => `ADD COLUMN IF NOT EXISTS ${sqlName(name)} ${type}`,
  );
  const sets = names.map((name) => `${sqlName(name)} = r.${sqlName(name)}`);
  const match = restored.primaryKey.map((name) => `t.${sqlName(name)} = r.${sqlName(name)}`);
  const differ = `(${columnsOf('t', names)}) IS DISTINCT FROM (${columnsOf('r', names)})`;
  const what =
    names.length === 1
      ? `Column ${names.join()} of ${target} is lost: this adds it again and fills it by key.`
      : `Columns ${names.join(', ')} of ${target} are lost: this adds them again and fills them by key.`;
  return {
    what,
    joinSql: [
      LOCK_TIMEOUT,
      `ALTER TABLE ${target} ${additions.join(', ')};`,
      `UPDATE ${target} AS t SET ${sets.join(', ')}`,
      `  FROM ${source} AS r`,
      `  WHERE ${match.join(' AND ')} AND ${differ};`,
    ].join('\n'),
    verificationSql: [
      `SELECT count(*) AS different FROM ${target} AS t`,
      `  JOIN ${source} AS r ON ${match.join(' AND ')}`,
      `  WHERE ${differ};`,
    ].join('\n'),
  };
}

function columnsOf(alias: string, names: readonly string[]): string {
  return names.map((name) => `${alias}.${sqlName(name)}`).join(', ');
}

function lostRows({ restored, table, restoredAs }: JoinRequest, production: TableShape): Join {
  const [target, source] = [sqlTable(table), sqlTable(restoredAs)];
  const names = restored.columns
    .map(({ name }) => name)
    .filter((name) =>
      production.columns.some((column) => column.name === name && !column.generated),
    );
  const key = restored.primaryKey;
  const match = key.map((name) => `t.${sqlName(name)} = r.${sqlName(name)}`).join(' AND ');
  return {
    what: `${target} has all its columns: this puts back the rows that are missing, and changes none that are there.`,
    joinSql: [
      `INSERT INTO ${target} (${sqlNames(names)})`,
      '  OVERRIDING SYSTEM VALUE',
      `  SELECT ${sqlNames(names)} FROM ${source} AS r`,
      `  WHERE NOT EXISTS (SELECT 1 FROM ${target} AS t WHERE ${match})`,
      '  ON CONFLICT DO NOTHING;',
    ].join('\n'),
    verificationSql: [
      `SELECT count(*) AS missing FROM ${source} AS r`,
      `  WHERE NOT EXISTS (SELECT 1 FROM ${target} AS t WHERE ${match});`,
    ].join('\n'),
  };
}

/** Without a key nobody can tell which row is which. */
function byHand({ table, restoredAs }: JoinRequest): Join {
  const [target, source] = [sqlTable(table), sqlTable(restoredAs)];
  return {
    what: `${target} has no primary key to join by: compare the two tables by hand.`,
    joinSql: `-- No primary key: these rows are in the restored copy and not in production.\nSELECT * FROM ${source} EXCEPT SELECT * FROM ${target};`,
    verificationSql: `SELECT (SELECT count(*) FROM ${source}) - (SELECT count(*) FROM ${target}) AS difference;`,
  };
}
