//! The bare pass-through: this executable in its `floor` role.

use mesh_benches::process::Process;

use crate::peer::{Peer, Place};

/// Always present.
#[derive(Debug)]
pub(super) struct Floor;

impl Peer for Floor {
    fn version(&self) -> String {
        "pass-through on the workspace's hyper".to_owned()
    }

    fn has_features(&self) -> bool {
        false
    }

    fn start(&self, place: &Place<'_>) -> anyhow::Result<Process> {
        let arguments = [
            "floor".to_owned(),
            format!("--listen={}", place.listen),
            format!("--backend={}", place.backend),
            format!("--scenario={}", place.scenario.name()),
        ];
        Process::start(&std::env::current_exe()?, arguments, place.folder)
    }
}
