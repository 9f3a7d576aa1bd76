/** Which package brings an extension: what to install where a copy is to be used and it is missing. Pure. */

interface Brought {
  /** `*` is PostgreSQL's major version. */
  readonly debian: string;
  readonly rpm: string;
}

/** Names of the PostgreSQL project's own repositories; TimescaleDB's and Citus's are their makers'. */
const PACKAGES: Readonly<Record<string, Brought>> = {
  age: { debian: 'postgresql-*-age', rpm: 'apache-age_*' },
  citus: { debian: 'postgresql-*-citus-13.0', rpm: 'citus_*' },
  h3: { debian: 'postgresql-*-h3', rpm: 'h3-pg_*' },
  hll: { debian: 'postgresql-*-hll', rpm: 'hll_*' },
  hypopg: { debian: 'postgresql-*-hypopg', rpm: 'hypopg_*' },
  ip4r: { debian: 'postgresql-*-ip4r', rpm: 'ip4r_*' },
  mysql_fdw: { debian: 'postgresql-*-mysql-fdw', rpm: 'mysql_fdw_*' },
  orafce: { debian: 'postgresql-*-orafce', rpm: 'orafce_*' },
  pg_cron: { debian: 'postgresql-*-cron', rpm: 'pg_cron_*' },
  pg_hint_plan: { debian: 'postgresql-*-pg-hint-plan', rpm: 'pg_hint_plan_*' },
  pg_partman: { debian: 'postgresql-*-partman', rpm: 'pg_partman_*' },
  pg_repack: { debian: 'postgresql-*-repack', rpm: 'pg_repack_*' },
  pgaudit: { debian: 'postgresql-*-pgaudit', rpm: 'pgaudit_*' },
  pglogical: { debian: 'postgresql-*-pglogical', rpm: 'pglogical_*' },
  pgrouting: { debian: 'postgresql-*-pgrouting', rpm: 'pgrouting_*' },
  plperl: { debian: 'postgresql-plperl-*', rpm: 'postgresql*-plperl' },
  plperlu: { debian: 'postgresql-plperl-*', rpm: 'postgresql*-plperl' },
  plpython3u: { debian: 'postgresql-plpython3-*', rpm: 'postgresql*-plpython3' },
  pltcl: { debian: 'postgresql-pltcl-*', rpm: 'postgresql*-pltcl' },
  postgis: { debian: 'postgresql-*-postgis-3', rpm: 'postgis3*_*' },
  rum: { debian: 'postgresql-*-rum', rpm: 'rum_*' },
  tds_fdw: { debian: 'postgresql-*-tds-fdw', rpm: 'tds_fdw_*' },
  timescaledb: { debian: 'timescaledb-2-postgresql-*', rpm: 'timescaledb-2-postgresql-*' },
  vector: { debian: 'postgresql-*-pgvector', rpm: 'pgvector_*' },
};

/** PostGIS is one package and many extensions. */
const FAMILIES: ReadonlyMap<RegExp, string> = new Map([
  [/^(?:postgis_|address_standardizer)/, 'postgis'],
  [/^h3_/, 'h3'],
]);

/** They come with PostgreSQL itself; on systems with RPM in a package beside it. */
const CONTRIB: ReadonlySet<string> = new Set(
  `amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance file_fdw
   fuzzystrmatch hstore insert_username intagg intarray isn lo ltree moddatetime pageinspect pg_buffercache
   pg_freespacemap pg_prewarm pg_stat_statements pg_surgery pg_trgm pg_visibility pg_walinspect pgcrypto
   pgrowlocks pgstattuple postgres_fdw refint seg sslinfo tablefunc tcn tsm_system_rows tsm_system_time
   unaccent uuid-ossp xml2`.split(/\s+/),
);

/** `postgresql-15-postgis-3 (Debian) or postgis3*_15 (RPM)`; undefined: not one we know. */
export function packageOf(extension: string, major: number): string | undefined {
  const brought = findPackage(extension);
  if (brought === undefined) return undefined;
  // The last star is the version; one before it stands for itself.
  const [debian, rpm] = [brought.debian, brought.rpm].map((name) =>
    name.replace(/\*([^*]*)$/, `${major}$1`),
  );
  return `${debian} (Debian) or ${rpm} (RPM)`;
}

function findPackage(extension: string): Brought | undefined {
  if (Object.hasOwn(PACKAGES, extension)) return PACKAGES[extension];
  if (CONTRIB.has(extension)) return { debian: 'postgresql-*', rpm: 'postgresql*-contrib' };
  for (const [family, name] of FAMILIES) if (family.test(extension)) return PACKAGES[name];
  return undefined;
}
