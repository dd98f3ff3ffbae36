//! Who stands in front of the server, and who runs it.
#![cfg_attr(
    not(feature = "http"),
    expect(dead_code, reason = "every build accepts these settings, HTTP alone needs them")
)]

use std::net::SocketAddr;

use super::{Reader, list::Networks};

/// The proxies that are believed, and the operators.
#[derive(Debug)]
pub(crate) struct EdgeConfig {
    /// From these, `Forwarded`, `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Request-Id` are believed.
    pub(crate) trusted_proxies: Networks,
    /// Who sees metrics and the details of health; loopback when `None`.
    pub(crate) admin_allow: Option<Networks>,
    /// A listener of their own for them.
    pub(crate) admin_listen: Option<SocketAddr>,
}

impl EdgeConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            trusted_proxies: reader
                .live(|reader| {
                    reader.optional(
                        "MCP_TRUSTED_PROXIES",
                        "a comma-separated list of networks whose `Forwarded`, `X-Forwarded-*` and `X-Request-Id` \
                         are believed; none when not set",
                    )
                })
                .unwrap_or_default(),
            admin_allow: reader.live(|reader| {
                reader.optional(
                    "MCP_ADMIN_ALLOW",
                    "a comma-separated list of networks that see /metrics and the details of /health; loopback when \
                     not set",
                )
            }),
            admin_listen: reader.optional(
                "MCP_ADMIN_LISTEN",
                "an address of its own for /metrics and the details of /health, like `127.0.0.1:9090`",
            ),
        }
    }
}
