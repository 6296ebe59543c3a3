//! Classifier, model selector and template of a component, as the SDK's traits: a new instance for
//! each call.

use autoissue_plugin_sdk::{
    Classification, Classifier, ClassifierContext, Description, Issue, ModelSelector, PluginError,
    PrContext, PrTemplate, PullRequestText, Selection, SelectionRequest, Settings,
};

use super::{EXPORTED, Loaded, convert};
use crate::check;
use crate::info::StrategyInfo;

/// One strategy of a component.
#[derive(Clone)]
pub(super) struct Strategy {
    pub(super) loaded: Loaded,
    pub(super) info: StrategyInfo,
}

impl Strategy {
    pub(super) fn new(loaded: &Loaded, info: &StrategyInfo) -> Self {
        Self {
            loaded: loaded.clone(),
            info: info.clone(),
        }
    }

    /// Returns the plugin's name and version, which identify who decided.
    pub(super) fn description(&self) -> Description {
        Description::new(
            self.loaded.plugin(),
            &*self.loaded.version,
            &self.info.summary,
        )
        .extra(self.info.extra.clone())
    }

    pub(super) fn stated_settings(&self) -> Settings {
        Settings::stated(
            self.info.settings_schema.clone(),
            self.info.example_settings.clone(),
        )
    }

    pub(super) fn check(&self, settings: &str) -> Result<(), PluginError> {
        self.loaded.check_settings(&self.info, settings)
    }
}

impl Classifier for Strategy {
    fn describe(&self) -> Description {
        self.description()
    }

    fn settings(&self) -> Settings {
        self.stated_settings()
    }

    fn check_settings(&self, settings: &str) -> Result<(), PluginError> {
        self.check(settings)
    }

    fn classify(
        &self,
        issue: &Issue,
        context: &ClassifierContext,
    ) -> Result<Classification, PluginError> {
        const FUNCTION: &str = "classify";
        let context = convert::classifier_context(&self.info.name, context);
        let issue = convert::issue(issue);
        let exports = self.loaded.exports.classifier.as_ref().expect(EXPORTED);
        let answer = self.loaded.call(FUNCTION, |store, instance| {
            exports
                .load(&mut *store, instance)?
                .call_classify(store, &context, &issue)
        })?;
        let answer = convert::classification(answer.map_err(convert::error)?);
        self.loaded.checked(FUNCTION, answer, check::classification)
    }
}

impl ModelSelector for Strategy {
    fn describe(&self) -> Description {
        self.description()
    }

    fn settings(&self) -> Settings {
        self.stated_settings()
    }

    fn check_settings(&self, settings: &str) -> Result<(), PluginError> {
        self.check(settings)
    }

    fn select(&self, request: &SelectionRequest) -> Result<Selection, PluginError> {
        const FUNCTION: &str = "select";
        let asked = convert::selection_request(&self.info.name, request);
        let exports = self.loaded.exports.model_selector.as_ref().expect(EXPORTED);
        let answer = self.loaded.call(FUNCTION, |store, instance| {
            exports
                .load(&mut *store, instance)?
                .call_select(store, &asked)
        })?;
        let answer = convert::selection(answer.map_err(convert::error)?);
        let is_available = |id: &str| request.available.iter().any(|model| model.id == id);
        self.loaded.checked(FUNCTION, answer, |answer| {
            check::selection(answer, is_available)
        })
    }
}

impl PrTemplate for Strategy {
    fn describe(&self) -> Description {
        self.description()
    }

    fn settings(&self) -> Settings {
        self.stated_settings()
    }

    fn check_settings(&self, settings: &str) -> Result<(), PluginError> {
        self.check(settings)
    }

    fn render(&self, context: &PrContext) -> Result<PullRequestText, PluginError> {
        const FUNCTION: &str = "render";
        let context = convert::pr_context(&self.info.name, context);
        let exports = self.loaded.exports.pr_template.as_ref().expect(EXPORTED);
        let answer = self.loaded.call(FUNCTION, |store, instance| {
            exports
                .load(&mut *store, instance)?
                .call_render(store, &context)
        })?;
        let answer = convert::pull_request(answer.map_err(convert::error)?);
        self.loaded.checked(FUNCTION, answer, check::pull_request)
    }
}
