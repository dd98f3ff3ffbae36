//! The crate as the pipeline uses it.

#[cfg(test)]
mod bulkhead;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod quota;
