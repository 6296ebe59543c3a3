//! What recorded runs of the real program mean.

mod recorded;
