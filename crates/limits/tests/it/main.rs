//! The crate as the pipeline uses it.

#[cfg(test)]
mod bulkhead;
#[cfg(feature = "cache")]
#[cfg(test)]
mod cache;
#[cfg(feature = "client")]
#[cfg(test)]
mod client;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod many_principals;
#[cfg(feature = "client")]
#[cfg(test)]
mod observer;
#[cfg(test)]
mod quota;
#[cfg(feature = "client")]
#[cfg(test)]
mod requests;
#[cfg(feature = "client")]
#[cfg(test)]
mod upstream;
