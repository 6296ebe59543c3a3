//! Builders for the unit tests of a plugin. They only create values; they never run anything.
//!
//! ```
//! use autoissue_plugin_sdk::testing::issue;
//!
//! let issue = issue!("Crash on start", labels: ["bug"], body: "See `src/main.rs`.", number: 3);
//! assert_eq!((issue.number, issue.title.as_str(), issue.labels[0].as_str()), (3, "Crash on start", "bug"));
//! ```

/// Creates an [`Issue`](crate::Issue) from its title and any fields by name. Other fields are
/// empty; the number is 1.
pub use crate::__issue as issue;

#[doc(hidden)]
#[macro_export]
macro_rules! __issue {
    ($title:expr $(, $field:ident: $value:expr)* $(,)?) => {
        $crate::Issue {
            $($field: $crate::testing::FieldValue::into_field($value),)*
            ..$crate::Issue {
                title: ::std::convert::Into::into($title),
                number: 1,
                ..::std::default::Default::default()
            }
        }
    };
}

/// A value that can be used for a field of type `T` in [`issue!`](issue).
pub trait FieldValue<T> {
    /// Converts it to the type of the field.
    fn into_field(self) -> T;
}

impl FieldValue<String> for &str {
    fn into_field(self) -> String {
        self.into()
    }
}

impl FieldValue<String> for String {
    fn into_field(self) -> String {
        self
    }
}

impl FieldValue<u64> for u64 {
    fn into_field(self) -> u64 {
        self
    }
}

impl<const N: usize> FieldValue<Vec<String>> for [&str; N] {
    fn into_field(self) -> Vec<String> {
        self.map(String::from).into()
    }
}

#[cfg(test)]
mod tests {
    use super::issue;

    #[test]
    fn fields_may_stand_in_any_order() {
        let made = issue!("a", number: 7, labels: [], body: String::from("b"), author: "c");
        assert_eq!(
            (made.number, made.body.as_str(), made.author.as_str()),
            (7, "b", "c")
        );
        assert!(made.labels.is_empty());
        assert_eq!(issue!("a").number, 1);
    }
}
