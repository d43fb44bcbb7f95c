use super::*;
use crate::hash::Id;

fn name(n: u32) -> Id {
    let mut id = Id::ZERO;
    id.0[..4].copy_from_slice(&n.to_le_bytes());
    id
}

/// The number of a transaction that nothing holds yet but `slots` will.
fn note(slots: &mut Slots, txs: &mut TxTable, n: u32) -> bool {
    let no = txs.hold(name(n));
    let new = slots.note(txs, no, None) == Noted::New;
    txs.release(no);
    new
}

#[test]
fn any_number_of_neighbours_can_have_it() {
    let (mut slots, mut txs) = (Slots::default(), TxTable::default());
    let no = txs.hold(name(1));
    slots.known_to(no, PeerId(3));
    assert!(slots.who_has(no).is_empty(), "nothing is noted of what is not remembered");
    slots.ask(&mut txs, no);
    let all = [0, 63, 64, 127, 128, 1_000].map(PeerId);
    for (n, peer) in all.iter().enumerate() {
        slots.known_to(no, *peer);
        assert_eq!(slots.who_has(no), all[..=n]);
    }
    assert!(slots.end_ask(&mut txs, no) && !slots.end_ask(&mut txs, no));
    assert!(slots.who_has(no).is_empty(), "forgotten with the transaction");
}

#[test]
fn neighbouring_numbers_are_noted_together() {
    let (mut slots, mut txs) = (Slots::default(), TxTable::default());
    let all: Vec<TxNo> = (0..130).map(|n| txs.hold(name(n))).collect();
    for peer in [0, 3, 4, 70].map(PeerId) {
        for (group, which) in [(1, 0b111), (2, 0b10)] {
            let new = which & !slots.remembered(group);
            slots.hear(&mut txs, group, peer, which, new);
        }
        let has = (0..3).flat_map(|group| TxNo::each(group, slots.known_by(peer, group, u64::MAX)));
        let has: Vec<TxNo> = has.collect();
        assert_eq!(has, [64, 65, 66, 129].map(TxNo), "{peer:?}");
        assert!(has.iter().all(|no| slots.is_asked(*no) && slots.is_known_to(*no, peer)));
    }
    assert_eq!(slots.remembered(1), 0b111);
    // Whoever asks holds them, and the message that does so.
    all.iter().chain(&[64, 65, 66, 129].map(TxNo)).for_each(|no| txs.release(*no));
    assert!(txs.find(&name(63)).is_none() && txs.find(&name(66)).is_some(), "held by who asks");
    assert!([64, 65, 66, 129].iter().all(|n| slots.end_ask(&mut txs, TxNo(*n))));
    assert!(txs.find(&name(66)).is_none() && slots.who_has(TxNo(66)).is_empty());
}

#[test]
fn what_was_dealt_with_is_remembered_for_a_while_and_then_no_number_is_held() {
    let (mut slots, mut txs) = (Slots::default(), TxTable::default());
    let most = RECENT_TXS as u32;
    assert!((0..2 * most).all(|n| note(&mut slots, &mut txs, n)));
    assert!(!(0..2 * most).any(|n| note(&mut slots, &mut txs, n)));
    // The third period begins: the first is forgotten.
    assert!(note(&mut slots, &mut txs, 2 * most));
    assert!(txs.find(&name(0)).is_none() && txs.find(&name(most - 1)).is_none());
    assert!((most..=2 * most).all(|n| !note(&mut slots, &mut txs, n)));
    let no = txs.find(&name(most)).unwrap();
    slots.forget(&mut txs, no);
    assert!(txs.find(&name(most)).is_none());
    assert!((3 * most..9 * most).all(|n| note(&mut slots, &mut txs, n)));
    assert!(slots.arrivals.len() <= 2 * RECENT_TXS + 2 + 64, "numbers are used again");
}
