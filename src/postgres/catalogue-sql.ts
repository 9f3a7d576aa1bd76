/**
 * What a database's catalogue says, one row for each object: its kind, its name, the relation it belongs to,
 * a digest of everything that defines it, and a few words for people. The digest is of the stored rows and not of
 * rebuilt SQL: a physical copy has the same object identifiers, and nothing here waits for a lock. Left out is
 * what PostgreSQL changes outside of transactions (statistics, frozen transaction ids). Pure.
 */

/** Nobody else may make schemas that begin like this; temporary ones do too. */
const OURS = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`;
const SCHEMA = `CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END`;
const RELATION = `${SCHEMA} || c.relname`;
const FROM_RELATION =
  'JOIN pg_class c ON c.oid = x.relation JOIN pg_namespace n ON n.oid = c.relnamespace';

interface Kind {
  readonly kind: string;
  readonly name: string;
  /** The relation's name; undefined: it stands alone. */
  readonly parent?: string;
  /** Columns that define it. */
  readonly of: string;
  readonly says?: string;
  readonly from: string;
}

function select({ kind, name, parent = `''`, of, says = `''`, from }: Kind): string {
  return `SELECT (${kind})::text AS kind, (${name})::text AS name, (${parent})::text AS parent,
    left(md5(ROW(${of})::text), 16) AS digest, (${says})::text AS says FROM ${from}`;
}

const DATABASE: readonly Kind[] = [
  {
    kind: `'schema'`,
    name: 'n.nspname',
    of: 'n.oid, n.nspowner, n.nspacl',
    from: `pg_namespace n WHERE ${OURS}`,
  },
  {
    kind: `CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
      WHEN 'c' THEN 'type' WHEN 'S' THEN 'sequence' ELSE 'table' END`,
    name: RELATION,
    of: `c.oid, c.relkind, c.relowner, c.relpersistence, c.relam, c.reltablespace, c.relreplident,
      c.relrowsecurity, c.relforcerowsecurity, c.relispartition, c.relpartbound::text, c.reloptions, c.relacl,
      (SELECT ROW(p.partstrat, p.partattrs, p.partclass, p.partcollation, p.partexprs::text)::text
         FROM pg_partitioned_table p WHERE p.partrelid = c.oid),
      (SELECT array_agg(i.inhparent ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
      (SELECT ROW(s.seqtypid, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle)::text
         FROM pg_sequence s WHERE s.seqrelid = c.oid)`,
    from: `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c', 'S') AND c.relpersistence <> 't' AND ${OURS}`,
  },
  {
    kind: `'column'`,
    name: `${RELATION} || '.' || a.attname`,
    parent: RELATION,
    of: `a.attnum, a.atttypid, a.atttypmod, a.attnotnull, a.attcollation, a.attidentity, a.attgenerated,
      a.attstorage, a.attcompression, a.attoptions, a.attfdwoptions, a.attislocal, a.attinhcount, a.attacl,
      a.attstattarget, a.attmissingval::text, d.adbin::text`,
    says: `format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
      || CASE WHEN d.oid IS NULL THEN '' ELSE ' with a default' END`,
    from: `pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
        AND c.relpersistence <> 't' AND ${OURS}`,
  },
  {
    kind: `'constraint'`,
    name: `x.conname || ' of ' || ${SCHEMA}
      || coalesce(c.relname, (SELECT t.typname FROM pg_type t WHERE t.oid = x.contypid), '')`,
    parent: `coalesce(${RELATION}, '')`,
    of: `x.oid, x.contype, x.condeferrable, x.condeferred, x.convalidated, x.conrelid, x.contypid, x.conindid,
      x.conparentid, x.confrelid, x.confupdtype, x.confdeltype, x.confmatchtype, x.conkey, x.confkey,
      x.conpfeqop, x.conexclop, x.conbin::text`,
    from: `pg_constraint x JOIN pg_namespace n ON n.oid = x.connamespace LEFT JOIN pg_class c ON c.oid = x.conrelid
      WHERE coalesce(c.relpersistence, 'p') <> 't' AND ${OURS}`,
  },
  {
    kind: `'index'`,
    name: `${SCHEMA} || i.relname`,
    parent: RELATION,
    of: `x.indexrelid, x.indrelid, x.indnatts, x.indnkeyatts, x.indisunique, x.indisprimary, x.indisexclusion,
      x.indimmediate, x.indisclustered, x.indisvalid, x.indisready, x.indislive, x.indisreplident,
      x.indkey, x.indcollation, x.indclass, x.indoption, x.indexprs::text, x.indpred::text,
      i.relam, i.reloptions, i.reltablespace, i.relowner`,
    says: `CASE WHEN NOT x.indisvalid THEN 'invalid' WHEN NOT x.indisready THEN 'not ready' ELSE 'valid' END`,
    from: `(SELECT *, indrelid AS relation FROM pg_index) x JOIN pg_class i ON i.oid = x.indexrelid ${FROM_RELATION}
      WHERE c.relpersistence <> 't' AND ${OURS}`,
  },
  {
    kind: `CASE x.rulename WHEN '_RETURN' THEN 'definition' ELSE 'rule' END`,
    name: `CASE x.rulename WHEN '_RETURN' THEN '' ELSE x.rulename || ' ' END || 'of ' || ${RELATION}`,
    parent: RELATION,
    of: 'x.oid, x.ev_type, x.ev_enabled, x.is_instead, x.ev_qual::text, x.ev_action::text',
    from: `(SELECT *, ev_class AS relation FROM pg_rewrite) x ${FROM_RELATION} WHERE ${OURS}`,
  },
  {
    kind: `'trigger'`,
    name: `x.tgname || ' of ' || ${RELATION}`,
    parent: RELATION,
    of: `x.oid, x.tgparentid, x.tgfoid, x.tgtype, x.tgenabled, x.tgdeferrable, x.tginitdeferred, x.tgattr,
      x.tgargs, x.tgqual::text, x.tgoldtable, x.tgnewtable`,
    from: `(SELECT *, tgrelid AS relation FROM pg_trigger) x ${FROM_RELATION}
      WHERE NOT x.tgisinternal AND c.relpersistence <> 't' AND ${OURS}`,
  },
  {
    kind: `'policy'`,
    name: `x.polname || ' of ' || ${RELATION}`,
    parent: RELATION,
    of: 'x.polcmd, x.polpermissive, x.polroles, x.polqual::text, x.polwithcheck::text',
    from: `(SELECT *, polrelid AS relation FROM pg_policy) x ${FROM_RELATION} WHERE ${OURS}`,
  },
  {
    kind: `'function'`,
    name: `${SCHEMA} || p.proname || '(' || oidvectortypes(p.proargtypes) || ')'`,
    of: `p.oid, md5(p.prosrc), p.probin, p.prolang, p.prorettype, p.proretset, p.prokind, p.provolatile,
      p.proparallel, p.prosecdef, p.proleakproof, p.proisstrict, p.proconfig, p.proacl, p.proowner, p.procost,
      p.prorows, p.proargnames, p.proallargtypes, p.proargmodes, p.proargdefaults::text, p.prosqlbody::text`,
    from: `pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${OURS}`,
  },
  {
    kind: `'type'`,
    name: `${SCHEMA} || t.typname`,
    of: `t.oid, t.typtype, t.typowner, t.typacl, t.typnotnull, t.typbasetype, t.typtypmod, t.typcollation,
      t.typdefault, (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)`,
    from: `pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
      WHERE t.typtype IN ('b', 'd', 'e', 'r', 'm') AND t.typcategory <> 'A' AND ${OURS}`,
  },
  {
    kind: `'extension'`,
    name: 'e.extname',
    of: 'e.oid, e.extversion, e.extowner, e.extnamespace, e.extconfig, e.extcondition',
    says: `'version ' || e.extversion`,
    from: 'pg_extension e',
  },
  {
    kind: `'event trigger'`,
    name: 't.evtname',
    of: 't.oid, t.evtevent, t.evtfoid, t.evtenabled, t.evttags, t.evtowner',
    from: 'pg_event_trigger t',
  },
  {
    kind: `'publication'`,
    name: 'p.pubname',
    of: `p.oid, p.pubowner, p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot,
      (SELECT array_agg(r.prrelid ORDER BY r.prrelid) FROM pg_publication_rel r WHERE r.prpubid = p.oid)`,
    from: 'pg_publication p',
  },
  {
    kind: `'foreign server'`,
    name: 's.srvname',
    of: 's.oid, s.srvowner, s.srvfdw, s.srvtype, s.srvversion, s.srvacl, s.srvoptions',
    from: 'pg_foreign_server s',
  },
  {
    kind: `'collation'`,
    name: `${SCHEMA} || l.collname || CASE l.collencoding WHEN -1 THEN '' ELSE ' for ' || pg_encoding_to_char(l.collencoding) END`,
    of: 'l.oid, l.collprovider, l.collisdeterministic, l.collencoding, l.collcollate, l.collctype, l.collversion',
    from: `pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace WHERE ${OURS}`,
  },
];

/** What every database of the server shares. Passwords are not read. */
const CLUSTER: readonly Kind[] = [
  {
    kind: `'role'`,
    name: 'r.rolname',
    of: `r.oid, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
      r.rolbypassrls, r.rolconnlimit, r.rolvaliduntil, r.rolconfig`,
    says: `concat_ws(' ', CASE WHEN r.rolsuper THEN 'superuser' END,
      CASE WHEN r.rolcanlogin THEN 'may log in' ELSE 'may not log in' END)`,
    from: 'pg_roles r',
  },
  {
    kind: `'membership'`,
    name: `u.rolname || ' in ' || g.rolname || ' granted by ' || coalesce(a.rolname, '')`,
    // Its columns differ between versions.
    of: 'to_jsonb(m)',
    from: `pg_auth_members m JOIN pg_roles u ON u.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
      LEFT JOIN pg_roles a ON a.oid = m.grantor`,
  },
  {
    kind: `'database'`,
    name: 'd.datname',
    of: `to_jsonb(d) - '{datfrozenxid,datminmxid,dathasloginevt}'::text[]`,
    says: `pg_encoding_to_char(d.encoding) || ', ' || d.datcollate || ', ' || d.datctype`,
    from: 'pg_database d',
  },
  {
    kind: `'settings'`,
    name: `'of ' || concat_ws(' in ', coalesce(r.rolname, 'every role'), d.datname)`,
    of: 's.setconfig',
    from: `pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
      LEFT JOIN pg_database d ON d.oid = s.setdatabase`,
  },
  {
    kind: `'tablespace'`,
    name: 't.spcname',
    of: 't.oid, t.spcowner, t.spcacl, t.spcoptions',
    from: 'pg_tablespace t',
  },
];

export const DATABASE_OBJECTS = DATABASE.map(select).join('\nUNION ALL\n');
export const CLUSTER_OBJECTS = CLUSTER.map(select).join('\nUNION ALL\n');
