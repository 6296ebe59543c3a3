//! The setters of the crate's data structs. The crate documentation states their convention.

use std::borrow::Cow;

/// Adds a setter for each field, named like the field. A field that is missing here does not
/// compile, so that every field can be set outside this crate.
macro_rules! setters {
    ($type:ident { $($field:ident $of:tt)+ }) => {
        impl $type {
            $($crate::setters::setter! { $field $of })+
        }

        const _: fn($type) = |$type { $($field: _),+ }| {};
    };
}

/// The setter for a field of the given type.
macro_rules! setter {
    ($field:ident ($value:ident: $type:ty) $converted:expr) => {
        #[doc = concat!("Sets the field `", stringify!($field), "`.")]
        #[must_use]
        pub fn $field(mut self, $value: $type) -> Self {
            self.$field = $converted;
            self
        }
    };
    ($field:ident (String)) => {
        $crate::setters::setter! { $field(value: impl Into<String>) value.into() }
    };
    ($field:ident (Option<String>)) => {
        $crate::setters::setter! {
            $field(value: impl Into<$crate::setters::OptionalText>) value.into().0
        }
    };
    ($field:ident (Option<$value:ty>)) => {
        $crate::setters::setter! { $field(value: impl Into<Option<$value>>) value.into() }
    };
    ($field:ident (Vec<String>)) => {
        $crate::setters::setter! {
            $field(value: impl IntoIterator<Item = impl Into<String>>)
            value.into_iter().map(Into::into).collect()
        }
    };
    ($field:ident (Vec<(String, String)>)) => {
        $crate::setters::setter! {
            $field(value: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>)
            value.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
        }
    };
    ($field:ident (Vec<$item:ty>)) => {
        $crate::setters::setter! {
            $field(value: impl IntoIterator<Item = $item>) value.into_iter().collect()
        }
    };
    ($field:ident ($type:ty)) => {
        $crate::setters::setter! { $field(value: $type) value }
    };
}

pub(crate) use {setter, setters};

/// A text or none, for the setters of optional texts: they accept both.
#[doc(hidden)]
#[derive(Debug)]
pub struct OptionalText(pub(crate) Option<String>);

impl From<&str> for OptionalText {
    fn from(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
}

impl From<&String> for OptionalText {
    fn from(text: &String) -> Self {
        Self(Some(text.clone()))
    }
}

impl From<String> for OptionalText {
    fn from(text: String) -> Self {
        Self(Some(text))
    }
}

impl From<Cow<'_, str>> for OptionalText {
    fn from(text: Cow<'_, str>) -> Self {
        Self(Some(text.into_owned()))
    }
}

impl From<Option<String>> for OptionalText {
    fn from(text: Option<String>) -> Self {
        Self(text)
    }
}

impl From<Option<&String>> for OptionalText {
    fn from(text: Option<&String>) -> Self {
        Self(text.cloned())
    }
}

impl From<Option<&str>> for OptionalText {
    fn from(text: Option<&str>) -> Self {
        Self(text.map(str::to_owned))
    }
}
