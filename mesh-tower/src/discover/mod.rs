//! Where endpoints come from when the configuration only names them.

pub(crate) mod dns;
