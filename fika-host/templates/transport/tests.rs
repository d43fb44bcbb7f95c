use fika_core::hash::Id;
use fika_core::message::InvItem;

use super::*;

fn open(chain: u8) -> Box<dyn Session> {
    let hello = Hello { chain: Id([chain; 32]), name: format!("node of chain {chain}") };
    __Name__ { params: Params::default() }.open(true, &hello)
}

fn hear(session: &mut dyn Session, input: Input<'_>) -> Output {
    let mut out = Output::default();
    session.handle(0, input, &mut out);
    out
}

/// Two sessions after their handshake.
fn pair() -> (Box<dyn Session>, Box<dyn Session>) {
    let (mut a, mut b) = (open(1), open(1));
    let (from_a, from_b) = (hear(&mut *a, Input::Open).bytes, hear(&mut *b, Input::Open).bytes);
    assert_eq!(hear(&mut *a, Input::Bytes(&from_b)).ready.as_deref(), Some("node of chain 1"));
    assert_eq!(hear(&mut *b, Input::Bytes(&from_a)).ready.as_deref(), Some("node of chain 1"));
    (a, b)
}

#[test]
fn a_message_cut_anywhere_arrives_whole_and_has_the_promised_size() {
    let (mut a, mut b) = pair();
    let message = Message::Inv(vec![InvItem::Block(Id([3; 32]))]);
    let sent = hear(&mut *a, Input::Message(&message)).bytes;
    assert_eq!(sent.len() as u64, __Name__ { params: Params::default() }.wire_size(&message));
    let heard: Vec<Message> = sent.iter().flat_map(|byte| hear(&mut *b, Input::Bytes(&[*byte])).messages).collect();
    assert_eq!(heard, [message]);
}

#[test]
fn another_chain_garbage_and_silence_end_the_session() {
    let (mut a, mut stranger) = (open(1), open(2));
    hear(&mut *a, Input::Open);
    let hello = hear(&mut *stranger, Input::Open).bytes;
    assert_eq!(hear(&mut *a, Input::Bytes(&hello)).close.map(|close| close.score), Some(0));
    let (mut a, _) = pair();
    assert_eq!(hear(&mut *a, Input::Bytes(&[0xff; 9])).close.map(|close| close.score), Some(BAN_SCORE));
    assert!(hear(&mut *open(1), Input::Wake).close.is_some());
    assert!(hear(&mut *pair().0, Input::Wake).close.is_none());
}
