//! Bindings of all interfaces of this line, generated from the WIT packages.
//!
//! The world exists only here: it names every interface once, so that their types are generated
//! once. A component need not have all of them; each is looked up separately.

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package autoissue:host;
        world every-kind {
            import autoissue:plugin/host-log@0.1.0;
            export autoissue:plugin/metadata@0.1.0;
            export autoissue:classifier/classifier@0.1.0;
            export autoissue:model-selector/model-selector@0.1.0;
            export autoissue:agent-backend/agent-backend@0.1.0;
            export autoissue:pr-template/pr-template@0.1.0;
        }
    ",
    world: "autoissue:host/every-kind",
});
