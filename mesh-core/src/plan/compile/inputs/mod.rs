//! Facts from the documents before any host or route is known: names, labels, settings, our own workload.
//!
//! Every other room of the compiler reads from here. Nothing here reads the registry.

pub(super) mod changes;
pub(super) mod few;
pub(super) mod hints;
pub(super) mod index;
pub(super) mod labels;
pub(super) mod material;
pub(super) mod names;
pub(super) mod nodes;
pub(super) mod protocol;
pub(super) mod proxy_config;
pub(super) mod refusal;
pub(super) mod scope;
pub(super) mod settings;
pub(super) mod workload;
