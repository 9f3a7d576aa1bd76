/** Every operation by its name. An unknown name is answered with the one that was likely meant. */

import { nearestWord } from '../kernel/nearest.ts';
import { Problem } from '../kernel/problem.ts';
import type { AnyOperation } from './operation.ts';
import { OPERATION_UNKNOWN } from './problems.ts';

export interface Registry {
  /** In the order they were offered. */
  readonly all: readonly AnyOperation[];
  find(name: string): AnyOperation | undefined;
  /** @throws Problem GATE_OPERATION_UNKNOWN */
  require(name: string): AnyOperation;
}

/** @throws TypeError when two rooms offer the same name. */
export function createRegistry(operations: readonly AnyOperation[]): Registry {
  const byName = new Map<string, AnyOperation>();
  for (const operation of operations) {
    if (byName.has(operation.name))
      throw new TypeError(`Two operations are called "${operation.name}"`);
    byName.set(operation.name, operation);
  }
  return {
    all: operations,
    find: (name) => byName.get(name),
    require(name) {
      const operation = byName.get(name);
      if (operation !== undefined) return operation;
      throw unknownOperation(name, [...byName.keys()]);
    },
  };
}

function unknownOperation(name: string, known: readonly string[]): Problem {
  const near = nearestWord(name, known);
  const message = `Cannot read "${name}": no such operation`;
  if (near === undefined) return new Problem(OPERATION_UNKNOWN, message);
  return new Problem(OPERATION_UNKNOWN, message, { hint: `Did you mean \`${near}\`?` });
}
