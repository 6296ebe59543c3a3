//! A list of bounded length that keeps the newest items and their positions.

use std::collections::VecDeque;

/// The newest items of a list, each with its position.
#[derive(Clone, Debug)]
pub(super) struct Newest<T> {
    items: VecDeque<T>,
    n_dropped: usize,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self {
            items: VecDeque::new(),
            n_dropped: 0,
        }
    }
}

impl<T> Newest<T> {
    /// Adds an item, drops the oldest one if there are more than `n_max`, and returns the position
    /// of the new one.
    pub(super) fn push(&mut self, item: T, n_max: usize) -> usize {
        self.items.push_back(item);
        if n_max < self.items.len() {
            self.items.pop_front();
            self.n_dropped += 1;
        }
        self.n_dropped + self.items.len() - 1
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.items.get(place.checked_sub(self.n_dropped)?)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.items.get_mut(place.checked_sub(self.n_dropped)?)
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut T> {
        self.items.back_mut()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.items.iter()
    }

    /// Returns the items with their positions.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, &T)> {
        (self.n_dropped..).zip(&self.items)
    }
}
