//! Words of databases: engines, parts of a schema, operations on rows, and typical problems.

use crate::lexicon::Entries;

#[rustfmt::skip]
pub(super) const WORDS: Entries = &[
    // Unambiguous words.
    (10, &[
        "database", "database schema", "db schema", "sql schema", "sql", "postgres", "postgresql", "mysql",
        "mariadb", "sqlite", "sqlite3", "mongodb", "mssql", "sql server", "cockroachdb", "cassandra", "dynamodb",
        "clickhouse", "timescaledb", "duckdb", "oracle db", "oracle database", "neo4j", "couchdb", "scylladb",
        "supabase table", "foreign key", "primary key", "composite key", "unique constraint", "check constraint",
        "not null constraint", "stored procedure", "database migration", "db migration", "schema migration",
        "sql migration", "migration script", "slow query", "slow queries", "query plan", "query planner",
        "query optimizer", "explain analyze", "full table scan", "table scan", "sequential scan", "left join",
        "inner join", "outer join", "cascade delete", "on delete cascade", "cascade deletion", "many to many",
        "one to many", "many to one", "er diagram", "erd", "entity relationship", "connection pool",
        "connection pooling", "pgbouncer", "pgvector", "db connection", "database connection", "n 1 query",
        "n 1 queries", "jsonb", "varchar", "tablespace", "materialized view", "write ahead log", "wal",
        "vacuum", "replica set", "read replica", "data warehouse", "deadlock detected", "db", "dbs", "rdbms",
        "sql query", "sql queries", "sql statement", "insert into", "create table", "alter table", "drop table",
        "select from", "group by", "order by clause", "where clause",
    ]),
    (8, &[
        "migration", "schema", "query", "queries", "orm", "prisma", "typeorm", "sequelize", "sqlalchemy", "alembic",
        "flyway", "liquibase", "knex", "drizzle", "hibernate", "jpa", "mongoose", "activerecord", "active record",
        "ecto", "diesel", "sqlx", "gorm", "entity framework", "ef core", "doctrine", "eloquent", "mongo",
        "elasticsearch index", "indexes", "db index", "database index", "transaction isolation", "isolation level",
        "rollback", "savepoint", "upsert", "data model", "data modeling", "denormalize", "normalize tables",
        "normalization", "sharding", "shard", "partitioning", "replication", "collation", "auto increment",
        "autoincrement", "seed data", "database seed", "seeding", "seeder", "dump", "pg dump", "restore backup",
        "backup and restore", "referential integrity", "data integrity", "soft delete", "foreign", "nosql",
        "graph database", "key value store", "lsm", "compaction", "b tree", "btree", "query builder", "result set",
        "bigint", "autovacuum", "lock wait", "bulk insert", "batch insert",
    ]),
    (6, &[
        "table", "column", "row", "transaction", "deadlock", "cascade", "fk", "pk", "persist", "persistence",
        "persistent storage", "backup", "data migration", "duplicate rows", "duplicate key", "nullable", "cursor",
        "join", "relation", "entity", "entities", "dao", "repository layer", "index", "redis", "data type",
        "timestamptz", "uuid column", "storage engine", "data store", "datastore", "storage layer",
    ]),
    (3, &[
        "constraint", "storage", "stored", "record", "commit", "relational", "field type", "insert", "aggregation",
        "aggregate", "snapshot isolation", "ttl", "partition", "firestore", "firebase", "supabase", "elasticsearch",
    ]),
    // Other languages.
    (10, &[
        "base de datos", "bases de datos", "banco de dados", "base de dados", "base de donnees", "bases de donnees",
        "datenbank", "datenbanken", "datenbankschema", "clave foranea", "chave estrangeira", "cle etrangere",
        "fremdschlussel", "база данных", "базы данных", "базе данных", "базу данных", "бд", "数据库", "資料庫",
        "数据表", "外键", "主键", "慢查询", "建表", "表结构", "データベース", "外部キー", "主キー", "テーブル定義",
        "데이터베이스", "디비", "외래키", "외래 키", "기본키",
    ]),
    (7, &[
        "migracion", "migraciones", "consulta", "migracao", "migracoes", "requete sql", "abfrage", "abfragen",
        "tabellen", "миграция", "миграции", "запрос к", "索引", "事务", "迁移", "字段", "查询", "マイグレーション",
        "スキーマ", "クエリ", "インデックス", "トランザクション", "마이그레이션", "스키마", "쿼리", "인덱스",
        "트랜잭션",
    ]),
    (5, &[
        "tabla", "columna", "tabela", "coluna", "tabelle", "spalte", "таблица", "таблицы", "テーブル", "테이블",
        "컬럼", "数据表结构",
    ]),
];
