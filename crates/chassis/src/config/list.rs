//! Lists of names and of networks, separated by commas.
#![cfg_attr(
    not(feature = "http"),
    expect(dead_code, reason = "every build accepts these settings, HTTP alone needs them")
)]

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net};

/// Names, in their order.
#[derive(Clone, Debug)]
pub(super) struct Names(pub(super) Vec<String>);

impl FromStr for Names {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(items(text).map(str::to_owned).collect()))
    }
}

/// Networks of addresses (CIDR); an address alone is a network of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Networks(Vec<IpNet>);

impl Networks {
    /// The addresses of this machine.
    pub(crate) fn loopback() -> Self {
        const V4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
        Self(vec![V4.into(), IpAddr::from(Ipv6Addr::LOCALHOST).into()])
    }

    /// One after the other.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, IpNet> {
        self.0.iter()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the networks holds the address.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for Networks {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = |item: &str| {
            let alone = || item.parse().map(|address: IpAddr| address.to_canonical().into());
            item.parse().or_else(|_| alone())
        };
        let networks = items(text).map(network).collect::<Result<_, _>>();
        networks.map(Self).map_err(|_| "expected networks like `10.0.0.0/8, 2001:db8::/32`")
    }
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Networks;

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        let networks: Networks = "10.1.0.0/16, 192.0.2.7,2001:db8::/32".parse().unwrap();
        for inside in ["10.1.255.1", "192.0.2.7", "2001:db8:1::2"] {
            assert!(networks.contain(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["10.2.0.1", "192.0.2.8", "2001:db9::1", "::ffff:10.1.0.1"] {
            assert!(!networks.contain(outside.parse().unwrap()), "{outside}");
        }
        for wrong in ["10.0.0.0/33", "example.com", "10.0.0.1-10.0.0.9", "*"] {
            assert!(wrong.parse::<Networks>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn loopback_is_this_machine() {
        assert!(Networks::loopback().contain("127.1.2.3".parse().unwrap()));
        assert!(Networks::loopback().contain("::1".parse().unwrap()));
        assert!(!Networks::loopback().contain("128.0.0.1".parse().unwrap()));
    }
}
