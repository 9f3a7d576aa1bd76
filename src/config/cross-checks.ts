/** What no section can see alone: stores that servers name, approvals that somebody can give. Pure. */
import { nearestWord } from '../kernel/nearest.ts';
import type { ConfigPath } from './document.ts';
import type { ConfigParts } from './parts.ts';

export interface CrossIssue {
  readonly path: ConfigPath;
  readonly message: string;
  readonly suggestion?: string;
}

export function crossChecks(config: ConfigParts): readonly CrossIssue[] {
  return [
    ...unknownStores(config),
    ...unknownPrices(config),
    ...sharedPlaces(config),
    ...approvals(config),
    ...urls(config),
  ];
}

function unknownStores({ servers, stores }: ConfigParts): readonly CrossIssue[] {
  if (stores === undefined) return [];
  const known = Object.keys(stores);
  return Object.entries(servers).flatMap(([name, server]) =>
    server.stores.flatMap((store, index) => {
      const path = ['servers', name, 'stores', index];
      if (store === undefined) return [];
      if (server.stores.indexOf(store) < index)
        return [{ path, message: `the store "${store}" is named twice` }];
      return known.includes(store) ? [] : [unknownStore(path, store, known)];
    }),
  );
}

/** A price under a mistyped name would leave its store without one. */
function unknownPrices({ prices, stores }: ConfigParts): readonly CrossIssue[] {
  if (stores === undefined) return [];
  const known = Object.keys(stores);
  return (['per_gb_month', 'per_1000_requests'] as const).flatMap((table) =>
    Object.keys(prices?.[table] ?? {})
      .filter((store) => !known.includes(store))
      .map((store) => unknownStore(['prices', table, store], store, known)),
  );
}

function unknownStore(path: ConfigPath, store: string, known: readonly string[]): CrossIssue {
  const near = nearestWord(store, known);
  const suggestion =
    near === undefined ? `there are: ${known.join(', ')}` : `did you mean "${near}"?`;
  return { path, message: `there is no store "${store}"`, suggestion };
}

/** Two stores in one place are one store: the second copy would not exist. */
function sharedPlaces({ stores }: ConfigParts): readonly CrossIssue[] {
  const first = new Map<string, string>();
  return Object.entries(stores ?? {}).flatMap(([name, store]) => {
    const place = placeOf(store);
    if (place === undefined) return [];
    const before = first.get(place);
    first.set(place, before ?? name);
    if (before === undefined) return [];
    const isFolder = store.path !== undefined;
    return [
      {
        path: ['stores', name, isFolder ? 'path' : 'bucket'],
        message: `the store "${before}" is in the same ${isFolder ? 'folder' : 'bucket and prefix'}, so there would be one copy, not two`,
      },
    ];
  });
}

function placeOf({
  path,
  bucket,
  prefix = '',
  endpoint = '',
}: NonNullable<ConfigParts['stores']>[string]): string | undefined {
  if (path !== undefined) return path;
  return bucket === undefined ? undefined : `${endpoint} ${bucket}/${prefix}`;
}

function approvals({ slack }: ConfigParts): readonly CrossIssue[] {
  if (slack === undefined) return [];
  const { approvers } = slack.people;
  const { high, self } = slack.approvals;
  if (approvers === undefined || high === undefined) return [];
  const hasGroup = approvers.some((id) => id?.startsWith('S') === true);
  const people = new Set(approvers).size;
  if (hasGroup || people >= high) return [];
  return [
    {
      path: ['slack', 'approvals', 'high'],
      message: `${high} people must approve and only ${people} may`,
      suggestion: self ? 'name more approvers' : 'name more approvers, for nobody counts twice',
    },
  ];
}

function urls({ servers }: ConfigParts): readonly CrossIssue[] {
  return Object.entries(servers).flatMap(([name, { url }]) => {
    const path = ['servers', name, 'url'];
    if (url === undefined) return [];
    const parsed = URL.parse(url.replace(/^postgres(ql)?:\/\/([^/?]*@)?(?=[/?]|$)/, '$&localhost'));
    if (parsed === null) {
      return [
        {
          path,
          message: 'cannot be read as a URL',
          suggestion: 'write @ : / ? # and % in a password as %40 %3A %2F %3F %23 and %25',
        },
      ];
    }
    if (parsed.pathname.length > 1) return [];
    return [
      {
        path,
        message: 'names no database',
        suggestion: 'end it with /NAME of the database that is proved',
      },
    ];
  });
}
