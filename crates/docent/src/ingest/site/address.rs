//! Which addresses a site may be fetched from: public ones, or this machine when the author named this machine. A page,
//! a redirect or a name server must not lead us into the network behind us.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Name, Resolve, Resolving};

/// What may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Addresses of the public internet.
    Public,
    /// This machine alone, because the author named it.
    Loopback,
}

impl Reach {
    /// What the address that the author gave allows.
    pub(super) fn of(start: &Url) -> Self {
        let named = match host_address(start) {
            Some(address) => is_loopback(address),
            None => start.host_str().is_some_and(|host| host == "localhost" || host.ends_with(".localhost")),
        };
        if named { Self::Loopback } else { Self::Public }
    }

    /// Whether this address may be connected to.
    pub(super) fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Public => is_public(address),
            Self::Loopback => is_loopback(address),
        }
    }

    /// Whether a URL that names an address instead of a host is allowed; names are checked when they are looked up.
    pub(super) fn allows_url(self, url: &Url) -> bool {
        host_address(url).is_none_or(|address| self.allows(address))
    }
}

/// The address that stands in a URL in place of a name.
fn host_address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether an address belongs to the public internet.
///
/// # Source
/// IANA's registries of special-purpose addresses for IPv4 and IPv6; addresses of IPv4 inside IPv6 (mapped, NAT64,
/// 6to4) count as what they hold.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let pieces = address.segments();
    let held = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match pieces {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(held(high, low)),
        [0x2002, high, low, ..] => is_public_v4(held(high, low)),
        [0x2001, 0xdb8, ..] | [0x2001, 0, ..] => false,
        // Everything that is given out to networks lies in 2000::/3.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Looks names up and keeps only the addresses that are allowed, so that what was checked is what is connected to.
pub(super) struct Resolver(pub(super) Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> =
                found.iter().copied().filter(|address| reach.allows(address.ip())).collect();
            if allowed.is_empty() && !found.is_empty() {
                return Err(format!("{} is a private address ({})", name.as_str(), found[0].ip()).into());
            }
            let addresses: reqwest::dns::Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        for (address, expected) in [
            ("93.184.216.34", true),
            ("2606:2800:220:1::1", true),
            ("::ffff:93.184.216.34", true),
            ("64:ff9b::93.184.216.34", true),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("0.0.0.0", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::10.0.0.1", false),
            ("2002:a00:1::1", false),
            ("fc00::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_public(address.parse().expect("an address")), expected, "{address}");
        }
    }

    #[test]
    fn this_machine_is_reached_only_when_it_was_named() {
        let reach = |url: &str| Reach::of(&Url::parse(url).expect("a URL"));
        for url in ["http://localhost:3000/", "http://127.0.0.1/x", "http://[::1]:80/", "http://a.localhost"]
        {
            assert_eq!(reach(url), Reach::Loopback, "{url}");
        }
        for url in ["https://a.org", "http://10.0.0.1/", "http://localhost.a.org/"] {
            assert_eq!(reach(url), Reach::Public, "{url}");
        }
        let url = |text: &str| Url::parse(text).expect("a URL");
        assert!(!Reach::Public.allows_url(&url("http://2130706433/")), "127.0.0.1 as one number");
        assert!(!Reach::Public.allows_url(&url("http://[::ffff:7f00:1]/")));
        assert!(!Reach::Loopback.allows_url(&url("http://10.0.0.1/")));
        assert!(Reach::Public.allows_url(&url("https://a.org/")));
    }

    #[tokio::test]
    async fn a_name_that_means_a_private_address_is_refused() {
        let name: Name = "localhost".parse().expect("a name");
        let refused = Resolver(Reach::Public).resolve(name).await.err().expect("refused");
        assert!(refused.to_string().contains("private address"), "{refused}");
        let name: Name = "localhost".parse().expect("a name");
        assert!(Resolver(Reach::Loopback).resolve(name).await.is_ok());
    }
}
