//! A host as tables are made of it.

use std::borrow::Cow;

use crate::endpoint::Address;

/// A host of a table, and its part of the weight.
#[derive(Clone, Debug)]
pub struct Share<'a> {
    /// The value that is returned when it is picked.
    pub index: u32,
    /// The text that it is hashed by: [`host_key`].
    pub key: Cow<'a, str>,
    /// Its part of the whole weight; all parts add up to 1.
    pub part: f64,
}

/// The text that a host is hashed by: `ip:port`, or the path of its socket.
#[must_use]
pub fn host_key(address: &Address) -> Cow<'_, str> {
    match address {
        Address::Socket(address) => address.to_string().into(),
        Address::Unix(path) => Cow::Borrowed(path),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::hash::xx_hash;

    /// Hosts by key and weight.
    pub(in crate::policies::balance) fn shares(hosts: &[(&str, u32)]) -> Vec<Share<'static>> {
        let sum = f64::from(hosts.iter().map(|(_, weight)| weight).sum::<u32>());
        (0_u32..)
            .zip(hosts)
            .map(|(index, (key, weight))| {
                let key = if *key == "h" { format!("h{index}") } else { (*key).to_owned() };
                Share { index, key: key.into(), part: f64::from(*weight) / sum }
            })
            .collect()
    }

    /// So many hosts of one weight.
    pub(in crate::policies::balance) fn equal(hosts: usize) -> Vec<Share<'static>> {
        shares(&vec![("h", 1); hosts])
    }

    /// The same hosts without one.
    pub(in crate::policies::balance) fn without(
        hosts: &[Share<'static>],
        gone: usize,
    ) -> Vec<Share<'static>> {
        let part = 1.0 / (hosts.len() - 1) as f64;
        let rest = hosts.iter().enumerate().filter(|(index, _)| *index != gone);
        rest.map(|(_, host)| Share { part, ..host.clone() }).collect()
    }

    /// Hashes of so many keys.
    pub(in crate::policies::balance) fn keys(count: u32) -> impl Iterator<Item = u64> {
        (0..count).map(|key| xx_hash(&key.to_le_bytes(), 0))
    }

    /// Where the keys that moved were, and where they are.
    pub(in crate::policies::balance) fn moved(
        count: u32,
        before: impl Fn(u64) -> u32,
        after: impl Fn(u64) -> u32,
    ) -> Vec<(u32, u32)> {
        keys(count).map(|key| (before(key), after(key))).filter(|(one, other)| one != other).collect()
    }

    #[test]
    fn lb_7_hosts_are_hashed_by_ip_and_port_or_path() {
        let socket = |text: &str| Address::Socket(text.parse().unwrap());
        assert_eq!(host_key(&socket("10.0.0.1:80")), "10.0.0.1:80");
        assert_eq!(host_key(&socket("[2001:db8::1]:80")), "[2001:db8::1]:80");
        assert_eq!(host_key(&Address::Unix("/run/app.sock".into())), "/run/app.sock");
    }
}
