//! How a crate becomes a plugin: [`export_plugin!`](crate::export_plugin).

/// Makes the crate a plugin that supplies these strategies. Each is a type with [`Default`] and the trait of its kind.
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
/// The kinds are `classifier`, `model_selector`, `agent_backend` and `pr_template`. Each may be there once; several strategies of
/// a kind are separated by `|`, and the first is the one that is meant where the configuration names the plugin only:
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
/// The plugin's name, version, description and homepage are those of the crate. On any target but `wasm32` nothing is exported, so
/// that the same crate can be part of a native program, with others beside it.
#[macro_export]
macro_rules! export_plugin {
    ($($kind:ident: $first:ty $(| $more:ty)*),+ $(,)?) => {
        const _: () = {
            /// The strategies of this crate.
            struct Plugin;

            impl $crate::export::Supplies for Plugin {
                fn about() -> $crate::export::About {
                    $crate::export::About {
                        name: env!("CARGO_PKG_NAME"),
                        version: env!("CARGO_PKG_VERSION"),
                        description: env!("CARGO_PKG_DESCRIPTION"),
                        homepage: env!("CARGO_PKG_HOMEPAGE"),
                    }
                }

                fn strategies() -> $crate::export::Strategies {
                    let mut strategies = $crate::export::Strategies::default();
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

/// Nothing is exported natively; the trait is used once, so that both targets check the same.
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_plugin {
    (metadata $plugin:ident) => {
        const _: fn() -> $crate::export::Strategies =
            <$plugin as $crate::export::Supplies>::strategies;
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

use crate::{AgentBackend, Classifier, ModelSelector, PrTemplate};

/// Who a plugin is, from its crate.
#[doc(hidden)]
pub struct About {
    /// Name.
    pub name: &'static str,
    /// Version.
    pub version: &'static str,
    /// Description.
    pub description: &'static str,
    /// Address for people; empty where there is none.
    pub homepage: &'static str,
}

/// What the macro implements.
#[doc(hidden)]
pub trait Supplies {
    /// Returns who the plugin is.
    fn about() -> About;
    /// Returns its strategies.
    fn strategies() -> Strategies;
}

/// The strategies of a plugin, by kind, in order.
#[doc(hidden)]
#[derive(Default)]
pub struct Strategies {
    /// Classifiers.
    pub classifiers: Vec<Box<dyn Classifier>>,
    /// Model selectors.
    pub model_selectors: Vec<Box<dyn ModelSelector>>,
    /// Agent backends.
    pub agent_backends: Vec<Box<dyn AgentBackend>>,
    /// Pull request templates.
    pub pr_templates: Vec<Box<dyn PrTemplate>>,
}

impl Strategies {
    /// Adds a classifier.
    pub fn classifier(&mut self, strategy: impl Classifier + 'static) {
        self.classifiers.push(Box::new(strategy));
    }

    /// Adds a model selector.
    pub fn model_selector(&mut self, strategy: impl ModelSelector + 'static) {
        self.model_selectors.push(Box::new(strategy));
    }

    /// Adds an agent backend.
    pub fn agent_backend(&mut self, strategy: impl AgentBackend + 'static) {
        self.agent_backends.push(Box::new(strategy));
    }

    /// Adds a pull request template.
    pub fn pr_template(&mut self, strategy: impl PrTemplate + 'static) {
        self.pr_templates.push(Box::new(strategy));
    }
}
