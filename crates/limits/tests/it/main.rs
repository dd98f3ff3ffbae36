//! The crate as the pipeline uses it.

#[cfg(test)]
mod bulkhead;
#[cfg(all(test, feature = "client"))]
mod client;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod quota;
