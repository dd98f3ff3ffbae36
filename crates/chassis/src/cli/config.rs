//! `config check`, `config show`, `config schema`.

use std::collections::BTreeMap;

use super::{Failure, print};
use crate::{
    Server,
    app::catalog,
    config::{self, Core, Described, Reader, Settings, Transport, Vars},
};

pub(super) fn check<S: Server>(core: &Core, config: &S::Config) -> Result<(), Failure> {
    let catalog = catalog::<S>(core, config).map_err(Failure::problems)?;
    #[cfg(feature = "http")]
    drop(super::serve::gate(core, &catalog, None)?);
    drop(catalog);
    print(b"the configuration is valid\n")
}

pub(super) fn show(settings: &[Described]) -> Result<(), Failure> {
    print(config::show(settings).as_bytes())
}

pub(super) fn schema<S: Server>() -> Result<(), Failure> {
    // Nothing is set, so that what stands there is what every deployment has.
    let (vars, flags) = (Vars::default(), BTreeMap::new());
    let mut reader = Reader::new(&vars, None, &flags);
    Core::read(&mut reader, S::RATE_LIMIT, Transport::Http);
    let shared = reader.settings.len();
    S::Config::read(&mut reader);
    let schema = config::schema(&reader, shared, &format!("Configuration of mcp-{}", S::NAME));
    print(format!("{schema:#}\n").as_bytes())
}
