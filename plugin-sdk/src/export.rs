//! Turns a crate into a plugin: [`export_plugin!`](crate::export_plugin).

/// Turns the crate into a plugin with these strategies. Each is a type that implements [`Default`]
/// and the trait of its kind.
///
/// ```
/// # use autoissue_plugin_sdk::prelude::*;
/// # #[derive(Default)]
/// # struct Billing;
/// # impl Classifier for Billing {
/// #     fn describe(&self) -> Description { Description::new("billing", "0.1.0", "") }
/// #     fn classify(&self, _: &Issue, _: &ClassifierContext) -> Result<Classification, PluginError> {
/// #         Ok(Classification::unknown())
/// #     }
/// # }
/// export_plugin! { classifier: Billing }
/// ```
///
/// The kinds are `classifier`, `model_selector`, `agent_backend` and `pr_template`. Each may appear
/// once. Separate several strategies of a kind with `|`; the first one is used if the configuration
/// names only the plugin:
///
/// ```
/// # use autoissue_plugin_sdk::prelude::*;
/// # macro_rules! classifiers {
/// #     ($($name:ident)*) => {$(
/// #         #[derive(Default)]
/// #         struct $name;
/// #         impl Classifier for $name {
/// #             fn describe(&self) -> Description { Description::new(stringify!($name), "0.1.0", "") }
/// #             fn classify(&self, _: &Issue, _: &ClassifierContext) -> Result<Classification, PluginError> {
/// #                 Ok(Classification::unknown())
/// #             }
/// #         }
/// #     )*};
/// # }
/// # classifiers! { Strict Lenient }
/// # #[derive(Default)]
/// # struct Short;
/// # impl PrTemplate for Short {
/// #     fn describe(&self) -> Description { Description::new("short", "0.1.0", "") }
/// #     fn render(&self, _: &PrContext) -> Result<PullRequestText, PluginError> {
/// #         Ok(PullRequestText::default())
/// #     }
/// # }
/// export_plugin! { classifier: Strict | Lenient, pr_template: Short }
/// ```
///
/// Name, version, description and homepage of the plugin are those of the crate. On targets other
/// than `wasm32` nothing is exported, so that the same crate can be linked into a native program
/// together with others.
#[macro_export]
macro_rules! export_plugin {
    ($($kind:ident: $first:ty $(| $more:ty)*),+ $(,)?) => {
        const _: () = {
            /// The strategies of this crate.
            struct Plugin;

            impl $crate::supplies::Supplies for Plugin {
                fn about() -> $crate::supplies::CrateInfo {
                    $crate::supplies::CrateInfo {
                        name: env!("CARGO_PKG_NAME"),
                        version: env!("CARGO_PKG_VERSION"),
                        description: env!("CARGO_PKG_DESCRIPTION"),
                        homepage: env!("CARGO_PKG_HOMEPAGE"),
                    }
                }

                fn strategies() -> $crate::supplies::PluginStrategies {
                    let mut strategies = $crate::supplies::PluginStrategies::default();
                    $(
                        strategies.$kind(<$first as ::core::default::Default>::default());
                        $(strategies.$kind(<$more as ::core::default::Default>::default());)*
                    )+
                    strategies
                }
            }

            $crate::__export_plugin!(metadata Plugin);
            $($crate::__export_plugin!($kind Plugin);)+
        };
    };
}

/// Exports nothing on native targets, but uses the trait once, so that both targets check the same
/// code.
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_plugin {
    (metadata $plugin:ident) => {
        const _: fn() -> $crate::supplies::PluginStrategies =
            <$plugin as $crate::supplies::Supplies>::strategies;
    };
    ($kind:ident $plugin:ident) => {};
}

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_plugin {
    (metadata $plugin:ident) => {
        $crate::guest::bindings::metadata::export_metadata!($plugin with_types_in $crate::guest::bindings::metadata);
    };
    (classifier $plugin:ident) => {
        $crate::guest::bindings::classifier::export_classifier!($plugin with_types_in $crate::guest::bindings::classifier);
    };
    (model_selector $plugin:ident) => {
        $crate::guest::bindings::model_selector::export_model_selector!($plugin with_types_in $crate::guest::bindings::model_selector);
    };
    (agent_backend $plugin:ident) => {
        $crate::guest::bindings::agent_backend::export_agent_backend!($plugin with_types_in $crate::guest::bindings::agent_backend);
    };
    (pr_template $plugin:ident) => {
        $crate::guest::bindings::pr_template::export_pr_template!($plugin with_types_in $crate::guest::bindings::pr_template);
    };
}
