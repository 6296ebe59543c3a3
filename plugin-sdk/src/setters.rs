//! Chainable setters of the SDK's structs.

/// Generates a setter for each of these fields, with the field's name. A text is given as anything
/// that becomes a `String`, a list as anything to iterate over, and a value instead of an
/// `Option` of it.
macro_rules! setters {
    ($type:ident { $($rest:tt)* }) => {
        impl $type {
            $crate::setters::setters!(@next $($rest)*);
        }
    };
    (@next) => {};
    (@next $field:ident: String $(, $($rest:tt)*)?) => {
        #[doc = concat!("Sets `", stringify!($field), "`.")]
        #[must_use]
        pub fn $field(mut self, value: impl Into<String>) -> Self {
            self.$field = value.into();
            self
        }
        $crate::setters::setters!(@next $($($rest)*)?);
    };
    (@next $field:ident: Option<String> $(, $($rest:tt)*)?) => {
        #[doc = concat!("Sets `", stringify!($field), "`.")]
        #[must_use]
        pub fn $field(mut self, value: impl Into<String>) -> Self {
            self.$field = Some(value.into());
            self
        }
        $crate::setters::setters!(@next $($($rest)*)?);
    };
    (@next $field:ident: Option<$of:ty> $(, $($rest:tt)*)?) => {
        #[doc = concat!("Sets `", stringify!($field), "`.")]
        #[must_use]
        pub fn $field(mut self, value: $of) -> Self {
            self.$field = Some(value);
            self
        }
        $crate::setters::setters!(@next $($($rest)*)?);
    };
    (@next $field:ident: [$of:ty] $(, $($rest:tt)*)?) => {
        #[doc = concat!("Sets `", stringify!($field), "`.")]
        #[must_use]
        pub fn $field(mut self, values: impl IntoIterator<Item = impl Into<$of>>) -> Self {
            self.$field = values.into_iter().map(Into::into).collect();
            self
        }
        $crate::setters::setters!(@next $($($rest)*)?);
    };
    (@next $field:ident: $of:ty $(, $($rest:tt)*)?) => {
        #[doc = concat!("Sets `", stringify!($field), "`.")]
        #[must_use]
        pub fn $field(mut self, value: $of) -> Self {
            self.$field = value;
            self
        }
        $crate::setters::setters!(@next $($($rest)*)?);
    };
}

pub(crate) use setters;
