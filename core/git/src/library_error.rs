//! Errors of the git library, as people read them.

use std::error::Error;
use std::fmt;

/// An error of the git library without its class and code, which only developers understand.
#[derive(Debug)]
pub struct LibraryError(git2::Error);

impl LibraryError {
    /// Returns whether the library could not allocate memory.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        self.0.class() == git2::ErrorClass::NoMemory
    }
}

impl fmt::Display for LibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.message())
    }
}

impl Error for LibraryError {}

impl From<git2::Error> for LibraryError {
    fn from(error: git2::Error) -> Self {
        Self(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_and_code_are_left_out() {
        let error = git2::Error::new(
            git2::ErrorCode::NotFound,
            git2::ErrorClass::Reference,
            "no such branch",
        );
        assert_eq!(LibraryError::from(error).to_string(), "no such branch");
    }
}
