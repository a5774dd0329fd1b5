//! The launcher: the whole application behind the mesh, with one command.
//!
//! | module | what it does |
//! |---|---|
//! | [`mod@run`] | the order of events in a run |
//! | [`application`] | what runs and how it is wired; on [`fleet`], [`instance`], [`child`], [`ports`] |
//! | [`folder`] | the configuration that everything watches |
//! | [`load`], [`traffic`] | the users |
//! | [`tally`], [`scrape`], [`rules`] | what users saw, what the mesh did, what was configured |
//! | [`report`], [`check`], [`checks`], [`table`], [`progress`] | the report |

mod application;
mod check;
mod checks;
mod child;
mod fleet;
mod folder;
mod instance;
mod load;
mod options;
mod ports;
mod progress;
mod report;
mod rules;
mod run;
mod scrape;
mod table;
mod tally;
mod traffic;

pub(crate) use application::PROXY;
pub(crate) use options::LaunchArgs;
pub(crate) use run::run;
