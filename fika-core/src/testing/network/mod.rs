//! Networks of nodes under virtual time.
//!
//! A [`Setup`] is the plan: rules, nodes, links, delays, clocks, attackers, and what will happen to them.
//! [`Setup::start`] makes a [`Network`] of it. The test lets time pass with [`Network::run`], interferes in between,
//! and asserts in the end. The nodes are those that run in processes and in the simulator. Only the wires between
//! them are the kit's.
//!
//! ```
//! # use fika_core::address::Address;
//! # use fika_core::agent::{Agent, Ctx, Draft, Duty};
//! # use fika_core::consensus::Consensus;
//! # use fika_core::env::Env;
//! # use fika_core::reject::{Reject, ensure};
//! # use fika_core::target::{Target, Work};
//! # use fika_core::view::{BlockView, ChainView};
//! # #[derive(Clone)]
//! # struct Mining;
//! # fn target() -> Target { Target::for_tries(30_000_000) }
//! # impl Consensus for Mining {
//! #     fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, _: &dyn ChainView) -> Result<(), Reject> {
//! #         ensure(block.header.bits == target().to_bits() && block.header.time > parent.header.time, || "no")
//! #     }
//! #     fn weight(&self, _: &BlockView<'_>) -> Work { target().work() }
//! #     fn agent(&self, _: Address) -> Box<dyn Agent> { Box::new(Mining) }
//! # }
//! # impl Agent for Mining {
//! #     fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
//! #         let draft = Draft::new(tip.id).with_bits(target().to_bits());
//! #         ctx.set_duties([Duty::grind(draft, target().work().saturating_u128())]);
//! #     }
//! # }
//! use fika_core::header::SECOND;
//! use fika_core::testing::Setup;
//!
//! // Six miners in a ring. The last one's clock is a second late.
//! let setup = Setup::new(|_: &Env| Ok(Mining)).nodes(6).clock(5, -1_000_000);
//! let mut net = setup.seed(3).start();
//! net.run(100 * SECOND);
//!
//! // Two sides go on alone, and somebody pays on each.
//! net.partition(&[&[0, 1, 2]]);
//! net.pay(0, 1, 5);
//! net.pay(4, 5, 5);
//! net.run(300 * SECOND);
//! assert_ne!(net.tip(0), net.tip(3));
//!
//! // They meet again, and one node is killed and restarted.
//! net.heal();
//! net.kill(2);
//! net.run(320 * SECOND);
//! net.restart(2);
//! net.run(600 * SECOND);
//! net.assert_healthy();
//! net.assert_agreement(2);
//! net.assert_supply_follows_the_schedule();
//! net.assert_payments_confirmed_once();
//! ```
//!
//! # What is modelled
//!
//! - A **message** arrives after the [delay](Setup::delay) of its link, and uses no bandwidth. Handling it takes no
//!   time.
//! - A **partition** or a crash breaks connections: both ends are told, and what was under way is lost.
//!   [`Network::lose`] loses messages and tells nobody.
//! - A **ban** breaks the connection for good.
//! - A **clock** is off by a constant. The node sees nothing but its own.
//! - A **killed** node keeps what was durable: what it wrote more than a second ago, and what the node itself flushed.
//! - **Work** is drawn from the node's [hash rate](Setup::hash_rate), or, on a chain with
//!   [`Proof::Real`](crate::env::Proof::Real), its end is drawn and the nonce is then searched; the difficulty should
//!   be small.

mod assertions;
mod links;
mod lockstep;
mod setup;
mod worlds;

pub use lockstep::Network;
pub(crate) use setup::Maker;
pub use setup::Setup;
pub(crate) use worlds::{Accepted, Receiver, Tie};
