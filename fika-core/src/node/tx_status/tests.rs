use super::*;
use crate::hash::Id;

fn name(n: u32) -> Id {
    let mut id = Id::ZERO;
    id.0[..4].copy_from_slice(&n.to_le_bytes());
    id
}

/// Receives a transaction whose index nothing else holds.
fn receive(status: &mut TxStatus, txs: &mut TxTable, n: u32) -> bool {
    txs.reclaim();
    let tx = txs.hold(name(n));
    let new = status.receive(txs, tx, None) == Status::New;
    txs.release(tx);
    new
}

#[test]
fn any_number_of_neighbours_can_have_it() {
    let (mut status, mut txs) = (TxStatus::default(), TxTable::default());
    let tx = txs.hold(name(1));
    let all = [0, 63, 64, 127, 128, 1_000].map(PeerId);
    for (n, peer) in all.iter().enumerate() {
        status.request(&mut txs, tx, *peer);
        assert_eq!(status.announcers(tx), all[..=n]);
    }
    assert!(status.end_request(&mut txs, tx) && !status.end_request(&mut txs, tx));
    assert!(status.announcers(tx).is_empty(), "forgotten with the transaction");
}

#[test]
fn what_is_remembered_holds_the_index() {
    let (mut status, mut txs) = (TxStatus::default(), TxTable::default());
    let all: Vec<TxIndex> = (0..130).map(|n| txs.hold(name(n))).collect();
    let noted = [64, 65, 66, 129].map(TxIndex);
    noted.iter().for_each(|tx| status.request(&mut txs, *tx, PeerId(0)));
    for peer in [0, 3, 4, 70].map(PeerId) {
        noted.iter().for_each(|tx| status.announced(*tx, peer));
        let has: Vec<TxIndex> = all.iter().copied().filter(|tx| status.is_announced_by(*tx, peer)).collect();
        assert_eq!(has, noted, "{peer:?}");
    }
    all.iter().for_each(|tx| txs.release(*tx));
    assert!(txs.find(&name(63)).is_none() && txs.find(&name(66)).is_some(), "held by who asks");
    assert!(noted.iter().all(|tx| status.end_request(&mut txs, *tx)));
    assert!(txs.is_empty() && status.announcers(TxIndex(66)).is_empty());
}

#[test]
fn what_was_dealt_with_is_remembered_for_a_while_and_then_no_index_is_held() {
    let (mut status, mut txs) = (TxStatus::default(), TxTable::default());
    let most = RECENT_TXS as u32;
    assert!((0..2 * most).all(|n| receive(&mut status, &mut txs, n)));
    assert!(!(0..2 * most).any(|n| receive(&mut status, &mut txs, n)));
    // The third generation begins: the first is forgotten.
    assert!(receive(&mut status, &mut txs, 2 * most));
    assert!(txs.find(&name(0)).is_none() && txs.find(&name(most - 1)).is_none());
    assert!((most..=2 * most).all(|n| !receive(&mut status, &mut txs, n)));
    let tx = txs.find(&name(most)).unwrap();
    status.forget(&mut txs, tx);
    assert!(txs.find(&name(most)).is_none());
    assert!((3 * most..9 * most).all(|n| receive(&mut status, &mut txs, n)));
    assert!(status.lines.len() <= (2 * RECENT_TXS + 2).div_ceil(64) + 1, "indexes are used again");
}

#[test]
fn the_mempool_keeps_what_is_known_of_who_has_it() {
    let (mut status, mut txs) = (TxStatus::default(), TxTable::default());
    let tx = txs.hold(name(1));
    assert_eq!(status.receive(&mut txs, tx, Some(PeerId(2))), Status::New);
    status.enter_mempool(&mut txs, tx);
    txs.release(tx);
    assert!((2..3 * RECENT_TXS as u32).all(|n| receive(&mut status, &mut txs, n)));
    assert_eq!(status.receive(&mut txs, tx, None), Status::InMempool);
    assert_eq!(status.announcers(tx), [PeerId(2)]);
    status.leave_mempool(&mut txs, tx);
    assert!(txs.find(&name(1)).is_none() && status.announcers(tx).is_empty());
}
