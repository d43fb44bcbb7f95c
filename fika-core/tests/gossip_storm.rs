//! Many messages of agents at one moment: each reaches everybody, and none goes round twice.

#![allow(missing_docs)]

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Effect, Gossip};
use fika_core::consensus::Consensus;
use fika_core::header::SECOND;
use fika_core::message::Message;
use fika_core::reject::Reject;
use fika_core::testing::Setup;
use fika_core::view::{BlockView, ChainView};

/// Each node says so many things at ten seconds, and passes on what it hears.
#[derive(Clone)]
struct Talk(u64);

impl Consensus for Talk {
    fn check(&self, _: &BlockView<'_>, _: &BlockView<'_>, _: &dyn ChainView) -> Result<(), Reject> {
        Ok(())
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(self.clone())
    }
}

impl Agent for Talk {
    fn on_tip(&mut self, _: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        ctx.effect(Effect::Timer(10 * SECOND, 0));
    }

    fn on_timer(&mut self, _: u64, ctx: &mut Ctx<'_>) {
        (0..self.0).for_each(|n| ctx.effect(Effect::Broadcast(n.to_le_bytes().to_vec())));
    }

    fn on_message(&mut self, _: &Address, _: &[u8], _: &mut Ctx<'_>) -> Gossip {
        Gossip::Forward
    }
}

#[test]
fn each_message_is_passed_on_once_whatever_their_number_is() {
    const NODES: u32 = 16;
    for said in [100, 400, 800] {
        let links = (0..NODES).flat_map(|n| [(n, (n + 1) % NODES), (n, (n + 3) % NODES)]);
        let mut net = Setup::new(move |_| Ok(Talk(said))).nodes(NODES).links(links).hash_rate(|_| 0).start();
        net.run(9 * SECOND);
        // Four go out where a message is said, and three at each of the others.
        let deliveries = u64::from(NODES) * said * (4 + 15 * 3);
        net.run_until(60 * SECOND, |net| net.sent().len() as u64 > deliveries);
        let gossip = net.sent().iter().filter(|(_, _, message)| matches!(message, Message::Gossip(_))).count();
        assert_eq!(gossip as u64, deliveries, "{said} messages of each node");
        net.assert_no_faults();
    }
}
