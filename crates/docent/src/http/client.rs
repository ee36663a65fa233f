//! Who is asking, as an address: the other side of the connection, or what a proxy says about it.
//!
//! A proxy appends the address that it saw to `X-Forwarded-For`; everything left of that, and headers such as
//! `X-Real-IP` and `Forwarded`, came from the caller and may be invented. So the right-most entry is taken, and only
//! behind a proxy.

use std::net::{IpAddr, SocketAddr};

use axum::http::{Extensions, HeaderMap};

use super::App;
use crate::config::Proxy;

/// The other side of the connection; put into every request where connections are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// The client's address; `None` when nobody knows it.
pub(super) fn address(app: &App, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
    let peer = extensions.get::<Peer>().map(|peer| peer.0);
    let behind_proxy = match app.config().proxy {
        Proxy::Yes => true,
        Proxy::No => false,
        // A proxy on this machine; who else would come from here and say that it speaks for another?
        Proxy::Auto => peer.is_some_and(|peer| peer.to_canonical().is_loopback()),
    };
    behind_proxy.then(|| forwarded(headers)).flatten().or(peer)
}

/// The right-most entry of the last `X-Forwarded-For`.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    let entry = last.rsplit(',').next()?.trim().trim_matches('"');
    // Some proxies add the port.
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_most_entry_counts() {
        let check = |lines: &[&str], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().expect("a header"));
            }
            assert_eq!(
                forwarded(&headers).map(|address| address.to_string()).as_deref(),
                expected,
                "{lines:?}"
            );
        };
        check(&["192.0.2.1"], Some("192.0.2.1"));
        check(&["6.6.6.6, 192.0.2.1"], Some("192.0.2.1"));
        check(&["6.6.6.6", "7.7.7.7,192.0.2.1"], Some("192.0.2.1"));
        check(&["192.0.2.1:4711"], Some("192.0.2.1"));
        check(&["6.6.6.6, [2001:db8::1]:4711"], Some("2001:db8::1"));
        check(&["[2001:db8::1]"], Some("2001:db8::1"));
        check(&["192.0.2.1, unknown"], None);
        check(&["192.0.2.1,"], None);
        check(&[""], None);
        check(&[], None);
    }
}
