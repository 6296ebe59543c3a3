//! Who worked last on a path, without comparing each path with all others.
//!
//! It answers exactly what [`crate::overlap`] would: the same path, a directory above or below, a bare file name, or a glob.
//! Only globs are compared one by one, each text once.

use std::collections::BTreeMap;

use crate::conflict::{is_glob, is_telling_name};
use crate::overlap;

/// The last position at which a path, or one that overlaps with it, was named.
#[derive(Default)]
pub(super) struct LastOn<'a> {
    /// By the path itself, globs too.
    same: BTreeMap<&'a str, usize>,
    globs: BTreeMap<&'a str, usize>,
    /// By the path without its last slash: what is below a directory finds it here.
    directories: BTreeMap<&'a str, usize>,
    /// By each directory above the path: a directory finds what is below it here.
    below: BTreeMap<&'a str, usize>,
    /// By bare file name: a path of that name finds it here.
    names: BTreeMap<&'a str, usize>,
    /// By the last part of a longer path: a bare file name finds it here.
    by_name: BTreeMap<&'a str, usize>,
}

impl<'a> LastOn<'a> {
    /// Notes that a path was named at a position; positions only grow.
    pub(super) fn insert(&mut self, path: &'a str, at: usize) {
        let path = path.trim_start_matches("./");
        self.same.insert(path, at);
        for directory in directories_above(path) {
            self.below.insert(directory, at);
        }
        if let Some((_, name)) = path.rsplit_once('/') {
            self.by_name.insert(name, at);
        }
        if is_glob(path) {
            self.globs.insert(path, at);
            return;
        }
        self.directories.insert(path.trim_end_matches('/'), at);
        if is_telling_name(path) {
            self.names.insert(path, at);
        }
    }

    /// Returns the last position at which something was named that overlaps with this path.
    pub(super) fn find(&self, path: &str) -> Option<usize> {
        let path = path.trim_start_matches("./");
        let mut found = self.same.get(path).copied();
        let mut see = |at: Option<&usize>| found = found.max(at.copied());
        for directory in directories_above(path) {
            see(self.directories.get(directory));
        }
        if let Some((_, name)) = path.rsplit_once('/') {
            see(self.names.get(name));
        }
        see(last_overlapping(&self.globs, path));
        if is_glob(path) {
            see(last_overlapping(&self.same, path));
        } else {
            see(self.below.get(path.trim_end_matches('/')));
            if is_telling_name(path) {
                see(self.by_name.get(path));
            }
        }
        found
    }
}

/// Returns what comes before each slash of a path.
fn directories_above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

fn last_overlapping<'b>(paths: &'b BTreeMap<&str, usize>, path: &str) -> Option<&'b usize> {
    paths
        .iter()
        .filter(|(other, _)| overlap(other, path))
        .map(|(_, at)| at)
        .max()
}
