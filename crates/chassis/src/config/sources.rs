//! Where settings come from, and one reading of them all.

use std::{collections::BTreeMap, hash::RandomState, path::PathBuf};

use mcp_telemetry::metrics::Metrics;

use super::{
    Core, Described, FileLayer, Problem, Reader, Settings, Snapshot, Stamps, Transport, Vars,
};
use crate::Server;

/// The layers of the configuration. Of them a file alone can change while a server runs.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) vars: Vars,
    pub(crate) flags: BTreeMap<&'static str, String>,
    pub(crate) transport: Transport,
    /// Of the values that are compared from one reading to the next.
    hasher: RandomState,
}

/// Everything that was configured, with what `config show` tells of it.
#[derive(Debug)]
pub(crate) struct Loaded<C> {
    pub(crate) core: Core,
    pub(crate) server: C,
    pub(crate) settings: Vec<Described>,
    /// The secrets that upstreams know this server by, where there are any.
    pub(crate) upstream_credentials: Vec<&'static str>,
    pub(crate) basis: Basis,
    /// Where what the server does is counted, from its upstreams on.
    pub(crate) metrics: Metrics,
}

/// What another reading is compared with.
#[derive(Clone, Debug)]
pub(crate) struct Basis {
    /// Every file that was read or looked for, as it was before.
    pub(crate) files: Stamps,
    pub(crate) snapshot: Snapshot,
    /// How much each upstream is used.
    #[cfg(feature = "upstream")]
    pub(crate) upstreams: BTreeMap<&'static str, mcp_limits::LiveLimits>,
}

/// What came of reading the settings.
#[derive(Debug)]
pub(crate) struct Reading<C> {
    /// Every file that was read or looked for, as it was before.
    pub(crate) files: Stamps,
    /// The configuration, or every problem of it, at least one.
    pub(crate) outcome: Result<Loaded<C>, Vec<Problem>>,
}

impl Sources {
    pub(crate) fn new(
        vars: Vars,
        flags: BTreeMap<&'static str, String>,
        transport: Transport,
    ) -> Self {
        Self { vars, flags, transport, hasher: RandomState::new() }
    }

    /// Reads the chassis' settings and the server's. What the server does is counted in `metrics`.
    pub(crate) fn read<S: Server>(&self, metrics: &Metrics) -> Reading<S::Config> {
        let named = self.flags.get("MCP_CONFIG").map(String::as_str);
        let path = named.or_else(|| self.vars.get("MCP_CONFIG")).map(PathBuf::from);
        let mut files = Stamps::default();
        let file = path.map(|path| {
            files.look(&path);
            FileLayer::read(&path)
        });
        let file = match file.transpose() {
            Ok(file) => file,
            Err(problem) => return Reading { files, outcome: Err(vec![problem]) },
        };
        let mut reader = Reader::new(&self.vars, file.as_ref(), &self.flags);
        (reader.metrics, reader.files) = (Some(metrics.clone()), files);
        let core = Core::read(&mut reader, S::RATE_LIMIT, self.transport);
        let server = reader.domain(|reader| S::Config::read(reader));
        reader.refuse_unknown_keys();
        let basis = Basis {
            files: reader.files.clone(),
            snapshot: reader.snapshot(&self.hasher),
            #[cfg(feature = "upstream")]
            upstreams: std::mem::take(&mut reader.limits),
        };
        let Reader { files, problems, settings, upstream_credentials, .. } = reader;
        let metrics = metrics.clone();
        let loaded = Loaded { core, server, settings, upstream_credentials, basis, metrics };
        let outcome = if problems.is_empty() { Ok(loaded) } else { Err(problems) };
        Reading { files, outcome }
    }
}
