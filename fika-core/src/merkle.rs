//! Proofs that transactions are in a block, of as many hashes as are needed (BIP 37's partial Merkle tree).
//!
//! The tree is Bitcoin's ([`merkle_root`](crate::hash::merkle_root)). A proof names the places of its leaves, so it needs
//! no flags. Two equal neighbours are refused: with these a shorter list has the same root (CVE-2012-2459).

use crate::hash::{Id, sha256d};

/// How many nodes a level has, counted from the leaves, where there are `count` of these.
fn width(count: u64, level: u32) -> u64 {
    (count + (1 << level) - 1) >> level
}

/// The level of the root.
fn height(count: u64) -> u32 {
    count.next_power_of_two().trailing_zeros()
}

/// How many of these places, all below a node, are below its left child.
fn split<T>(level: u32, at: u64, below: &[T], place: impl Fn(&T) -> u32) -> usize {
    let middle = (2 * at + 1) << (level - 1);
    below.partition_point(|one| u64::from(place(one)) < middle)
}

/// What proves that the leaves at these places are among `leaves`: what is needed of the other hashes of the tree, from
/// the left to the right.
pub fn proof(leaves: &[Id], places: &[u32]) -> Vec<Id> {
    let count = leaves.len() as u64;
    let mut levels = vec![leaves.to_vec()];
    for level in 1..=height(count) {
        let below = &levels[level as usize - 1];
        let node = |at: u64| {
            let left = &below[2 * at as usize];
            sha256d(&[&left.0, &below.get(2 * at as usize + 1).unwrap_or(left).0])
        };
        let nodes = (0..width(count, level)).map(node).collect();
        levels.push(nodes);
    }
    let mut hashes = Vec::new();
    let mut open = vec![(height(count), 0, places)];
    while let Some((level, at, below)) = open.pop() {
        if below.is_empty() {
            hashes.extend(levels[level as usize].get(at as usize));
        } else if level > 0 {
            let (left, right) = below.split_at(split(level, at, below, |place| *place));
            let has_right = 2 * at + 1 < width(count, level - 1);
            open.extend(has_right.then_some((level - 1, 2 * at + 1, right)));
            open.push((level - 1, 2 * at, left));
        }
    }
    hashes
}

/// The root over `count` leaves of which these are at these places, ascending; `None` if the hashes are no proof of it.
pub fn root(count: u32, leaves: &[(u32, Id)], hashes: &[Id]) -> Option<Id> {
    let fits = leaves.is_sorted_by(|(a, _), (b, _)| a < b) && leaves.last().is_some_and(|(last, _)| *last < count);
    if !fits {
        return None;
    }
    let mut rest = hashes.iter();
    let root = node(count.into(), leaves, &mut rest, height(count.into()), 0)?;
    rest.next().is_none().then_some(root)
}

fn node(count: u64, leaves: &[(u32, Id)], rest: &mut std::slice::Iter<'_, Id>, level: u32, at: u64) -> Option<Id> {
    let Some((_, first)) = leaves.first() else { return rest.next().copied() };
    if level == 0 {
        return Some(*first);
    }
    let (left, right) = leaves.split_at(split(level, at, leaves, |(place, _)| *place));
    let left = node(count, left, rest, level - 1, 2 * at)?;
    if 2 * at + 1 >= width(count, level - 1) {
        return Some(sha256d(&[&left.0, &left.0]));
    }
    let right = node(count, right, rest, level - 1, 2 * at + 1)?;
    (left != right).then(|| sha256d(&[&left.0, &right.0]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hash::{merkle_root, sha256};

    fn leaves(count: u32) -> Vec<Id> {
        (0..count).map(|n| sha256(&[&n.to_le_bytes()])).collect()
    }

    proptest! {
        #[test]
        fn any_leaves_are_proven_and_no_others(count in 1u32..70, chosen in any::<u128>(), wrong in any::<usize>()) {
            let all = leaves(count);
            let places: Vec<u32> = (0..count).filter(|n| *n == 0 || chosen >> n & 1 == 1).collect();
            let (hashes, expected) = (proof(&all, &places), merkle_root(all.clone()).0);
            let proven: Vec<(u32, Id)> = places.iter().map(|place| (*place, all[*place as usize])).collect();
            prop_assert_eq!(root(count, &proven, &hashes), Some(expected));
            // Nothing else has the same root: another leaf, another place, a hash more or less.
            let mut other = proven.clone();
            let at = wrong % other.len();
            other[at].1.0[0] ^= 1;
            prop_assert_ne!(root(count, &other, &hashes), Some(expected));
            prop_assert_eq!(root(count, &proven, &[&hashes[..], &[expected]].concat()), None);
            if let [rest @ .., _] = &hashes[..] {
                prop_assert_eq!(root(count, &proven, rest), None);
            }
            let size = hashes.len() + proven.len();
            prop_assert!(size <= proven.len() * (1 + height(count.into()) as usize), "{} hashes", hashes.len());
        }

        #[test]
        fn any_claim_is_read_or_refused(count: u32, places in prop::collection::vec(any::<u32>(), 0..4), hashes in 0u32..40) {
            let claimed: Vec<(u32, Id)> = places.iter().map(|place| (*place, Id([1; 32]))).collect();
            let _ = root(count, &claimed, &leaves(hashes));
        }
    }

    /// CVE-2012-2459: the last leaf once more has the same root.
    #[test]
    fn a_doubled_leaf_is_not_proven_twice() {
        let all = leaves(3);
        let doubled = [&all[..], &all[2..]].concat();
        let expected = merkle_root(all.clone()).0;
        assert_eq!(merkle_root(doubled.clone()).0, expected);
        let proven = [(0, all[0]), (2, all[2]), (3, all[2])];
        assert_eq!(root(4, &proven, &proof(&doubled, &[0, 2, 3])), None);
        assert_eq!(root(3, &proven[..2], &proof(&all, &[0, 2])), Some(expected));
    }
}
