//! Who runs this server: operators see what others must not.

use super::forwarded::{Sender, Via};
use crate::config::{EdgeConfig, Networks};

/// Which listener a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Main,
    /// `MCP_ADMIN_LISTEN`.
    Admin,
}

/// Where operators come from.
#[derive(Debug)]
pub(crate) struct Admin {
    allow: Option<Networks>,
    has_own_door: bool,
}

impl Admin {
    pub(super) fn new(edge: &EdgeConfig) -> Self {
        Self { allow: edge.admin_allow.clone(), has_own_door: edge.admin_listen.is_some() }
    }

    /// Whether a request is an operator's.
    ///
    /// With a listener of their own, operators come there and nowhere else. Behind a proxy that is not believed,
    /// everybody would look like one of its machine.
    pub(super) fn admits(&self, door: Door, sender: &Sender) -> bool {
        let by_address = match (&self.allow, door) {
            (Some(allow), _) => allow.contain(sender.address),
            (None, Door::Main) => Networks::loopback().contain(sender.address),
            (None, Door::Admin) => return true,
        };
        let is_known = matches!(sender.via, Via::Direct | Via::Trusted);
        by_address && is_known && (door == Door::Admin || !self.has_own_door)
    }
}

#[cfg(test)]
mod tests {
    use super::{Admin, Door};
    use crate::http::forwarded::{Sender, Via};

    fn admin(allow: Option<&str>, has_own_door: bool) -> Admin {
        Admin { allow: allow.map(|networks| networks.parse().unwrap()), has_own_door }
    }

    fn from(address: &str, via: Via) -> Sender {
        let address = address.parse().unwrap();
        Sender { address, via, in_clear: false, request_id: None, certificate: None }
    }

    #[test]
    fn without_settings_this_machine_is_the_operator() {
        let admin = admin(None, false);
        assert!(admin.admits(Door::Main, &from("127.0.0.1", Via::Direct)));
        assert!(!admin.admits(Door::Main, &from("127.0.0.1", Via::Unknown)));
        assert!(!admin.admits(Door::Main, &from("127.0.0.1", Via::Garbled)));
        assert!(!admin.admits(Door::Main, &from("192.0.2.1", Via::Direct)));
    }

    #[test]
    fn named_networks_replace_this_machine() {
        let admin = admin(Some("10.0.0.0/8"), false);
        assert!(admin.admits(Door::Main, &from("10.1.1.1", Via::Direct)));
        assert!(admin.admits(Door::Main, &from("10.1.1.1", Via::Trusted)));
        assert!(!admin.admits(Door::Main, &from("10.1.1.1", Via::Unknown)));
        assert!(!admin.admits(Door::Main, &from("127.0.0.1", Via::Direct)));
    }

    #[test]
    fn a_listener_of_their_own_is_the_only_way_in() {
        let open = admin(None, true);
        assert!(open.admits(Door::Admin, &from("192.0.2.1", Via::Direct)));
        assert!(!open.admits(Door::Main, &from("127.0.0.1", Via::Direct)));
        let narrow = admin(Some("10.0.0.0/8"), true);
        assert!(narrow.admits(Door::Admin, &from("10.1.1.1", Via::Direct)));
        assert!(!narrow.admits(Door::Admin, &from("192.0.2.1", Via::Direct)));
        assert!(!narrow.admits(Door::Main, &from("10.1.1.1", Via::Direct)));
    }
}
