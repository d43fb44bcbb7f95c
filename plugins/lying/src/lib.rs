//! A full node that tells light nodes of payments that are in no block.
//!
//! To whoever asks for the transactions that touch some locks and coins ([`Message::GetMerkle`]) it shows those that are in
//! the block, with their proof, but each with other bytes, as if it had been paid otherwise. No proof holds for these, so
//! the first such answer gives it away. In all else it is honest.

use fika_core::address::Address;
use fika_core::agent::{Agent, Attack, Ctx};
use fika_core::block::Tx;
use fika_core::env::Env;
use fika_core::message::Message;
use fika_core::plugin::Plugin;
use serde::{Deserialize, Serialize};

/// The attack.
pub struct Lying;

/// It has no parameters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Plugin for Lying {
    const NAME: &'static str = "lying";
    const ABOUT: &'static str = "tells light nodes of payments that are in no block";
    type Params = Params;

    fn new(_: Params, _: &Env) -> Result<Self, String> {
        Ok(Lying)
    }
}

impl Attack for Lying {
    fn agent(&self, honest: Box<dyn Agent>, _: Address) -> Box<dyn Agent> {
        Box::new(Liar { honest })
    }
}

struct Liar {
    honest: Box<dyn Agent>,
}

/// A transaction that says something else.
fn forged(tx: &Tx) -> Tx {
    let mut bytes = tx.bytes().to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    Tx::new(bytes)
}

impl Agent for Liar {
    fn inner(&mut self) -> Option<&mut dyn Agent> {
        Some(&mut *self.honest)
    }

    fn answer_light(&mut self, answer: &Message, _: &mut Ctx<'_>) -> Option<Message> {
        let Message::MerkleBlock(proof) = answer else { return None };
        let mut proof = proof.clone();
        proof.txs.iter_mut().filter(|(place, _)| *place > 0).for_each(|(_, tx)| *tx = forged(tx));
        Some(Message::MerkleBlock(proof))
    }
}

fika_core::export!(attack Lying);

#[cfg(test)]
mod tests {
    use fika_core::agent::Honest;
    use fika_core::block::{Block, body_root};
    use fika_core::light::MerkleBlock;
    use fika_core::testing::{Chain, Person};

    use super::*;

    struct Quiet;

    impl Agent for Quiet {}

    #[test]
    fn a_forged_payment_is_not_proven() {
        let mut block = Block { txs: [1, 2, 3].map(|n| Tx::new([n; 9])).into(), ..Block::default() };
        block.head.header.root = body_root(&block.txs, &[]).0;
        let truth = MerkleBlock::new(block.id(), &block, [2].into());
        assert!(truth.proves(&block.head.header));
        let (chain, me) = (Chain::new(0), Person::new(1));
        let say = |attack: &dyn Attack| {
            let mut agent = attack.agent(Box::new(Quiet), me.address());
            agent.answer_light(&Message::MerkleBlock(Box::new(truth.clone())), &mut chain.ctx(0, &me))
        };
        assert_eq!(say(&Honest), None);
        let Some(Message::MerkleBlock(lie)) = say(&Lying) else { panic!("it tells the truth") };
        assert_eq!((lie.txs.len(), lie.txs[0].clone()), (2, truth.txs[0].clone()));
        assert!(!lie.proves(&block.head.header));
    }
}
