//! A full node that leaves everything out of what it tells light nodes.
//!
//! It says that the filter of every block is empty, so that no light node finds its payments there. Its filter headers fit
//! its filters, so a light node that asks nobody else notices nothing. One that does finds that neighbours disagree, and
//! fetches the block. In all else it is honest.

use fika_core::address::Address;
use fika_core::agent::{Agent, Attack, Ctx};
use fika_core::env::Env;
use fika_core::filter::{filter_hash, filter_header};
use fika_core::hash::Id;
use fika_core::light::{BlockFilter, FilterHeaders};
use fika_core::message::Message;
use fika_core::plugin::Plugin;
use serde::{Deserialize, Serialize};

/// A filter without elements: their number.
const EMPTY: [u8; 1] = [0];

/// The attack.
pub struct Omitting;

/// It has no parameters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Plugin for Omitting {
    const NAME: &'static str = "omitting";
    const ABOUT: &'static str = "leaves everything out of what it tells light nodes";
    type Params = Params;

    fn new(_: Params, _: &Env) -> Result<Self, String> {
        Ok(Omitting)
    }
}

impl Attack for Omitting {
    fn agent(&self, honest: Box<dyn Agent>, _: Address) -> Box<dyn Agent> {
        Box::new(Silent { honest, genesis: None })
    }
}

struct Silent {
    honest: Box<dyn Agent>,
    /// The filter header of genesis, which every light node knows itself.
    genesis: Option<Id>,
}

impl Silent {
    /// The filter header of its empty filters at this height.
    fn header(&self, height: u64) -> Option<Id> {
        let empty = filter_hash(&EMPTY);
        Some((0..height).fold(self.genesis?, |previous, _| filter_header(&empty, &previous)))
    }
}

impl Agent for Silent {
    fn inner(&mut self) -> Option<&mut dyn Agent> {
        Some(&mut *self.honest)
    }

    fn answer_light(&mut self, answer: &Message, ctx: &mut Ctx<'_>) -> Option<Message> {
        let height = |id: &Id| ctx.chain.block(id).ok().map(|block| block.height);
        match answer {
            Message::CfHeaders(truth) => {
                let (last, count) = (height(&truth.stop)?, truth.hashes.len());
                if last == 0 {
                    self.genesis = Some(filter_header(truth.hashes.first()?, &Id::ZERO));
                    return None;
                }
                let before = (last + 1).checked_sub(count as u64)?.checked_sub(1)?;
                let hashes = vec![filter_hash(&EMPTY); count];
                let lie = FilterHeaders { stop: truth.stop, previous: self.header(before)?, hashes };
                Some(Message::CfHeaders(Box::new(lie)))
            }
            Message::CFilter(truth) if height(&truth.block)? > 0 => {
                Some(Message::CFilter(Box::new(BlockFilter { block: truth.block, filter: EMPTY.into() })))
            }
            _ => None,
        }
    }
}

fika_core::export!(attack Omitting);

#[cfg(test)]
mod tests {
    use fika_core::testing::{Chain, Person};

    use super::*;

    struct Quiet;

    impl Agent for Quiet {}

    #[test]
    fn its_filters_are_empty_and_its_headers_fit_them() {
        let (mut chain, me) = (Chain::new(0), Person::new(1));
        let genesis = chain.tip().id;
        let blocks = [1, 2, 3].map(|time| {
            let header = chain.next(time);
            chain.push(header, &[])
        });
        let mut agent = Omitting.agent(Box::new(Quiet), me.address());
        let mut say = |truth: Message| agent.answer_light(&truth, &mut chain.ctx(0, &me));
        let headers = |stop, previous, hashes| Message::CfHeaders(Box::new(FilterHeaders { stop, previous, hashes }));
        let own = Id([7; 32]);
        assert_eq!(say(headers(genesis, Id::ZERO, vec![own])), None, "everybody knows the filter of genesis");
        let Some(Message::CFilter(lie)) =
            say(Message::CFilter(Box::new(BlockFilter { block: blocks[2], filter: vec![1, 2, 3] })))
        else {
            panic!("it tells the truth")
        };
        let hash = filter_hash(&lie.filter);
        let first = filter_header(&hash, &filter_header(&own, &Id::ZERO));
        let expected = headers(blocks[2], first, vec![hash; 2]);
        assert_eq!(say(headers(blocks[2], Id([8; 32]), vec![Id([9; 32]); 2])), Some(expected));
    }
}
