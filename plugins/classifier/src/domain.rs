//! The domains of the built-in classifier.

/// A part of a product that an issue can belong to. The order decides between equal evidence: the
/// domains where mistakes cost most come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Domain {
    Security,
    Database,
    Documentation,
    Testing,
    Infrastructure,
    Backend,
    Frontend,
}

/// Number of domains, without `unknown`.
pub(crate) const N_DOMAINS: usize = 7;

/// Evidence for each domain.
pub(crate) type Scores = [u32; N_DOMAINS];

impl Domain {
    pub(crate) const ALL: [Self; N_DOMAINS] = [
        Self::Security,
        Self::Database,
        Self::Documentation,
        Self::Testing,
        Self::Infrastructure,
        Self::Backend,
        Self::Frontend,
    ];

    /// Returns the name used in the configuration.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Database => "database",
            Self::Documentation => "documentation",
            Self::Testing => "testing",
            Self::Infrastructure => "infrastructure",
            Self::Backend => "backend",
            Self::Frontend => "frontend",
        }
    }
}

/// Returns the domains with evidence, best first; ties in the order of [`Domain`].
pub(crate) fn ranked(scores: &Scores) -> Vec<(Domain, u32)> {
    let mut ranked: Vec<(Domain, u32)> = Domain::ALL
        .into_iter()
        .zip(*scores)
        .filter(|(_, score)| *score > 0)
        .collect();
    ranked.sort_by_key(|(domain, score)| (std::cmp::Reverse(*score), *domain));
    ranked
}
