//! What the upstreams send, read leniently: what is missing is missing, what is unknown is passed over.

pub(crate) mod open_meteo;
pub(crate) mod wttr;
