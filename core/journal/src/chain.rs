//! Hashes that reveal a changed, moved or missing row: SQLite itself does not verify the bytes of a
//! value.
//!
//! ```text
//! session row ──hash──► event 1 ──hash──► event 2 ── … ──► event n
//!                                                             ▲
//! session_state row: last_seq, last_hash, and a seal over both ┘
//! ```
//!
//! This detects accidents and careless edits. It is not a signature: anyone who can rewrite the
//! file can rewrite the hashes.

use sha2::{Digest, Sha256};

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// Builds one hash from fields. Each field has a length prefix or a fixed length, so that different
/// lists of fields never produce the same bytes.
pub(super) struct Fields(Sha256);

impl Fields {
    /// Starts the hash of one kind of row; rows of different kinds never share a hash.
    pub(super) fn of(kind: &str) -> Fields {
        Fields(Sha256::new()).text(kind)
    }

    pub(super) fn text(mut self, text: &str) -> Fields {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
        self
    }

    pub(super) fn number(mut self, number: i64) -> Fields {
        self.0.update(number.to_le_bytes());
        self
    }

    pub(super) fn optional(mut self, number: Option<i64>) -> Fields {
        self.0.update([u8::from(number.is_some())]);
        self.number(number.unwrap_or(0))
    }

    pub(super) fn link(mut self, hash: &Hash) -> Fields {
        self.0.update(hash);
        self
    }

    pub(super) fn hash(self) -> Hash {
        self.0.finalize().into()
    }
}
