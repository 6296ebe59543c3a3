//! Costs of finished tasks over all sessions. Estimates are based on them, so every row has its own
//! hash.

use rusqlite::{Connection, Row, params};

use super::chain::{Fields, Hash};
use super::error::{Break, Damage, Fault};
use super::head::{integer, unsigned};
use super::sessions::in_order;

/// The cost of one finished task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostRow {
    /// The agent backend.
    pub backend: String,
    /// The model.
    pub model: String,
    /// The domain of the issue.
    pub domain: String,
    /// Cost of all its attempts together, in millionths of a US dollar.
    pub usd_micros: i64,
    /// Whether the cost was measured. An estimated cost counts as spent, but does not predict the
    /// next task.
    pub known: bool,
    /// When it finished, in milliseconds since 1970.
    pub finished_at_ms: u64,
    /// How it ended.
    pub outcome: String,
}

pub(super) fn insert_cost(
    connection: &Connection,
    number: i64,
    session: i64,
    cost: &CostRow,
) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO cost
             (number, session, backend, model, domain, usd_micros, known, finished_at_ms, outcome, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            number,
            session,
            cost.backend,
            cost.model,
            cost.domain,
            cost.usd_micros,
            cost.known,
            integer(cost.finished_at_ms)?,
            cost.outcome,
            cost_hash(number, session, cost)?,
        ])?;
    Ok(())
}

fn cost_hash(number: i64, session: i64, cost: &CostRow) -> Result<Hash, Fault> {
    let fields = Fields::of("cost")
        .number(number)
        .number(session)
        .number(cost.usd_micros);
    let fields = fields
        .number(cost.known.into())
        .number(integer(cost.finished_at_ms)?);
    Ok([&cost.backend, &cost.model, &cost.domain, &cost.outcome]
        .into_iter()
        .fold(fields, |f, t| f.text(t))
        .hash())
}

/// Reads the newest first, so that a missing last row is found like any other; returns the oldest
/// first.
pub(super) fn read_costs(connection: &Connection, n_costs: i64) -> Result<Vec<CostRow>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT number, session, hash, backend, model, domain, usd_micros, known, finished_at_ms, outcome
         FROM cost ORDER BY number DESC",
    )?;
    let mut rows = statement.query(())?;
    let mut costs = Vec::new();
    let mut expected = n_costs;
    while let Some(row) = rows.next()? {
        in_order(row.get(0)?, expected).map_err(|(number, what)| Damage::Cost { number, what })?;
        let changed = || Damage::Cost {
            number: expected,
            what: Break::Changed,
        };
        let (cost, session, hash) = decode_cost(row).map_err(|fault| fault.names(changed))?;
        if cost_hash(expected, session, &cost)? != hash {
            return Err(changed().into());
        }
        costs.push(cost);
        expected -= 1;
    }
    if expected > 0 {
        return Err(Damage::Cost {
            number: expected,
            what: Break::Missing,
        }
        .into());
    }
    costs.reverse();
    Ok(costs)
}

fn decode_cost(row: &Row<'_>) -> Result<(CostRow, i64, Hash), Fault> {
    let cost = CostRow {
        backend: row.get(3)?,
        model: row.get(4)?,
        domain: row.get(5)?,
        usd_micros: row.get(6)?,
        known: row.get(7)?,
        finished_at_ms: unsigned(row.get(8)?)?,
        outcome: row.get(9)?,
    };
    Ok((cost, row.get(1)?, row.get(2)?))
}
