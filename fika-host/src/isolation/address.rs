//! Which addresses a cable gets. Pure arithmetic, the same for every engine that has cables.

use std::net::Ipv4Addr;

/// Up to this many cables have a readable /24 of their own, as in the thesis.
const READABLE_MAX: usize = 254;

/// Beyond [`READABLE_MAX`] cables are /31s (RFC 3021) out of 10.0.0.0/8, which has room for this many.
pub(crate) const CABLES_MAX: usize = 1 << 23;

/// The two ends of one cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subnet {
    pub(crate) a: Ipv4Addr,
    pub(crate) b: Ipv4Addr,
    pub(crate) prefix: u8,
}

/// The addresses of cable `index` (from 0) in a network of `count`: 192.168.k.1/24 and .2/24 with k from 1
/// while `count` is at most 254, else two neighbouring addresses of 10.0.0.0/8.
pub(crate) fn subnet(index: usize, count: usize) -> Subnet {
    debug_assert!(index < count && count <= CABLES_MAX);
    if count <= READABLE_MAX {
        let k = index as u8 + 1;
        return Subnet { a: Ipv4Addr::new(192, 168, k, 1), b: Ipv4Addr::new(192, 168, k, 2), prefix: 24 };
    }
    let first = u32::from(Ipv4Addr::new(10, 0, 0, 0)) + 2 * index as u32;
    Subnet { a: first.into(), b: (first + 1).into(), prefix: 31 }
}

/// The addresses of the two ends of link `index` in a network of `count` links, with the `netns` engine.
pub(crate) fn cable_addresses(index: usize, count: usize) -> [Ipv4Addr; 2] {
    let Subnet { a, b, .. } = subnet(index, count);
    [a, b]
}

/// The fixed hardware address of one end: locally administered, the cable's number, then the side.
pub(crate) fn mac(index: usize, side: u8) -> [u8; 6] {
    let [_, high, middle, low] = (index as u32).to_be_bytes();
    [0x02, 0xf1, high, middle, low, side]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn small_networks_look_as_in_the_thesis() {
        let ends = subnet(253, 254);
        assert_eq!(
            (ends.a.to_string(), ends.b.to_string(), ends.prefix),
            ("192.168.254.1".into(), "192.168.254.2".into(), 24)
        );
        assert_eq!(subnet(0, 1).a.to_string(), "192.168.1.1");
    }

    #[test]
    fn large_networks_use_pairs_that_a_31_holds() {
        let ends = subnet(254, 255);
        assert_eq!(
            (ends.a.to_string(), ends.b.to_string(), ends.prefix),
            ("10.0.1.252".into(), "10.0.1.253".into(), 31)
        );
        let last = subnet(CABLES_MAX - 1, CABLES_MAX);
        assert_eq!((last.a.to_string(), last.b.to_string()), ("10.255.255.254".into(), "10.255.255.255".into()));
    }

    #[test]
    fn no_address_is_given_twice() {
        for count in [254, 3000] {
            let mut seen = BTreeSet::new();
            for index in 0..count {
                let ends = subnet(index, count);
                assert!(seen.insert(ends.a.octets().to_vec()) && seen.insert(ends.b.octets().to_vec()));
                assert!(seen.insert(mac(index, 1).to_vec()) && seen.insert(mac(index, 2).to_vec()));
            }
        }
    }
}
