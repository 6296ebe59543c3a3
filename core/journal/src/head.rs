//! The counts that the rows of the journal are checked against, and conversions to SQLite's
//! integers.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::chain::{Fields, Hash};
use super::error::{Damage, Fault};

#[derive(Default)]
pub(super) struct Head {
    pub(super) n_writes: i64,
    pub(super) n_sessions: i64,
    pub(super) n_costs: i64,
}

impl Head {
    pub(super) fn load(connection: &Connection) -> Result<Head, Fault> {
        let loaded = connection
            .prepare_cached("SELECT n_writes, n_sessions, n_costs, seal FROM head")?
            .query_row((), Self::decode)
            .optional()
            .map_err(|error| Fault::from(error).names(|| Damage::Counters))?;
        match loaded {
            Some((head, seal)) if seal == head.seal() => Ok(head),
            _ => Err(Damage::Counters.into()),
        }
    }

    fn decode(row: &Row<'_>) -> rusqlite::Result<(Head, Hash)> {
        Ok((
            Head {
                n_writes: row.get(0)?,
                n_sessions: row.get(1)?,
                n_costs: row.get(2)?,
            },
            row.get(3)?,
        ))
    }

    pub(super) fn save(&self, connection: &Connection) -> Result<(), Fault> {
        connection
            .prepare_cached("REPLACE INTO head (only, n_writes, n_sessions, n_costs, seal) VALUES (1, ?1, ?2, ?3, ?4)")?
            .execute(params![self.n_writes, self.n_sessions, self.n_costs, self.seal()])?;
        Ok(())
    }

    fn seal(&self) -> Hash {
        Fields::of("head")
            .number(self.n_writes)
            .number(self.n_sessions)
            .number(self.n_costs)
            .hash()
    }
}

/// SQLite's integers are signed.
pub(super) fn integer(number: u64) -> Result<i64, Fault> {
    i64::try_from(number)
        .map_err(|error| Fault::Sqlite(rusqlite::Error::ToSqlConversionFailure(error.into())))
}

pub(super) fn unsigned(number: i64) -> Result<u64, Fault> {
    u64::try_from(number)
        .map_err(|_| Fault::Sqlite(rusqlite::Error::IntegralValueOutOfRange(0, number)))
}
