//! Agents: how one node behaves under the rules of its chain.
//!
//! The node tells its agent what happened and carries out the answers:
//!
//! 0. [`Agent::restore`] with what it kept, when the node begins again.
//! 1. [`Agent::on_tip`] after every change of tip, at the start, and when the node has caught up. The duties set here say
//!    what *would* let the node extend the chain; they replace all earlier ones.
//! 2. When a duty comes due, the node fills in a block and calls [`Agent::seal`], which signs it
//!    and says what to do with it.
//! 3. [`Agent::on_block`] for every block that the node accepts, whether on the tip's chain or
//!    not, before the `on_tip` that it may cause. [`Agent::on_proposal`] for proposals of others, which are relayed only if
//!    it says so.
//! 4. [`Agent::on_message`] and [`Agent::on_timer`] for what agents send and set themselves. [`Agent::on_passing`] for
//!    messages to other nodes, which are relayed only if it says so.
//!
//! An agent does no I/O, reads no clock but [`Ctx::now`] and draws nothing but [`Ctx::draw`].
//! One that signs uses a [`SigningGuard`].

mod guard;

pub use guard::SigningGuard;

use crate::address::Address;
use crate::amount::Amount;
use crate::codec::{coded_enum, coded_struct};
use crate::hash::{Id, draw};
use crate::header::Time;
use crate::message::Message;
use crate::tx::ActionRequest;
use crate::view::{BlockView, ChainView};

/// The header fields and the extra that a producer chooses; the template fills in the rest.
///
/// ```
/// use fika_core::agent::Draft;
/// use fika_core::hash::Id;
///
/// let draft = Draft::new(Id::ZERO).with_bits(0x1d00_ffff).with_extra(*b"who");
/// assert_eq!((draft.version, &draft.extra[..]), (1, &b"who"[..]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Draft {
    /// The header's version.
    pub version: u32,
    /// The block to extend.
    pub parent: Id,
    /// The header's bits.
    pub bits: u32,
    /// What is committed beside the transactions.
    pub extra: Vec<u8>,
    /// How many bytes the seal will take at most. A block has room for it, whatever else it holds. `None`: the node keeps room
    /// for a proof by its own key, and for 1,024 bytes at least.
    pub seal_bytes: Option<u32>,
}

coded_struct!(Draft { parent, version, bits, extra, seal_bytes });

impl Draft {
    /// A block on `parent` of version 1, with bits 0 and an empty extra.
    pub fn new(parent: Id) -> Draft {
        Draft { version: 1, parent, bits: 0, extra: Vec::new(), seal_bytes: None }
    }

    /// The same with this version.
    pub fn with_version(self, version: u32) -> Draft {
        Draft { version, ..self }
    }

    /// The same with these bits.
    pub fn with_bits(self, bits: u32) -> Draft {
        Draft { bits, ..self }
    }

    /// The same with this extra.
    pub fn with_extra(self, extra: impl Into<Vec<u8>>) -> Draft {
        Draft { extra: extra.into(), ..self }
    }

    /// The same with a seal of at most so many bytes; 0 where the rules know no seal.
    pub fn with_seal_bytes(self, seal_bytes: u32) -> Draft {
        Draft { seal_bytes: Some(seal_bytes), ..self }
    }
}

/// What would let this node extend the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Duty {
    /// Search a nonce; one success costs `expected_tries` on average. Real networks hash, simulated ones draw the time.
    /// Several searches share the node's hash rate evenly.
    #[non_exhaustive]
    Grind {
        /// What to extend, and how.
        draft: Draft,
        /// Mean number of hashes for one success, at least 1.
        expected_tries: u128,
    },
    /// Produce a block at `time` (at once when it has passed). The header carries the tick of `time`.
    #[non_exhaustive]
    Slot {
        /// What to extend, and how.
        draft: Draft,
        /// When.
        time: Time,
    },
}

coded_enum!(Duty: "kind of duty" { 0 Grind { draft, expected_tries }, 1 Slot { draft, time } });

impl Duty {
    /// A [`Duty::Grind`].
    pub fn grind(draft: Draft, expected_tries: u128) -> Duty {
        Duty::Grind { draft, expected_tries }
    }

    /// A [`Duty::Slot`].
    pub fn slot(draft: Draft, time: Time) -> Duty {
        Duty::Slot { draft, time }
    }
}

/// What an agent asks of its node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Bytes to the node with this address; relayed by all whose [`on_passing`](Agent::on_passing) says so, each message once.
    /// They name this node as their sender.
    Send(Address, Vec<u8>),
    /// Bytes to the neighbour that has brought the message or proposal that is being handled, whoever said it first.
    /// They name no sender. Nothing outside of `on_message` and `on_proposal`.
    Reply(Vec<u8>),
    /// Bytes to everyone; forwarded where `on_message` says so. They name this node as their sender.
    Broadcast(Vec<u8>),
    /// A call of `on_timer` with this token at this time, or a microsecond from now when that has passed.
    Timer(Time, u64),
    /// Accept and announce a block that was held or proposed, with its complete seal.
    Publish(Id, Vec<u8>),
    /// The node's wallet pays `fee`, signs and submits a transaction with this action.
    #[non_exhaustive]
    Act {
        /// What to ask for.
        action: ActionRequest,
        /// What to pay for it.
        fee: Amount,
    },
    /// Make this accepted block the tip, whatever fork choice says (BFT).
    Adopt(Id),
    /// This accepted block and its ancestors are final: a tip that does not descend from it is reported as a safety
    /// violation, and refused. It concerns this node alone, and may be said again. It is not kept: after a restart nothing
    /// is final until the agent says so, best in the `on_tip` at the start.
    Finalize(Id),
    /// In the `on_block` of this very block: it is not announced to the neighbours. Nothing elsewhere.
    Withhold(Id),
    /// Remember this value under this name, in place of an earlier one. It is durable before anything that the agent has
    /// said leaves the node, and comes back in [`Agent::restore`]. For a few values: at most [`MAX_KEPT`] names, each with
    /// its value at most [`MAX_KEPT_BYTES`] long.
    Keep(Vec<u8>, Vec<u8>),
}

/// The most values that an agent keeps.
pub const MAX_KEPT: usize = 64;
/// The longest value that an agent keeps, in bytes, its name included.
pub const MAX_KEPT_BYTES: usize = 64 << 10;

coded_enum!(Effect: "kind of effect" {
    0 Send(to, bytes),
    1 Reply(bytes),
    2 Broadcast(bytes),
    3 Timer(time, token),
    4 Publish(id, seal),
    5 Act { action, fee },
    6 Adopt(id),
    7 Finalize(id),
    8 Withhold(id),
    9 Keep(name, value),
});

impl Effect {
    /// An [`Effect::Act`].
    pub fn act(action: ActionRequest, fee: Amount) -> Effect {
        Effect::Act { action, fee }
    }
}

/// What becomes of a block that the node has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Sealed {
    /// The seal is complete: accept and announce it.
    Publish,
    /// Others must sign first: send it to the neighbours as a proposal.
    Propose,
    /// Accept it here and extend it, but tell nobody.
    Hold,
    /// Forget it.
    Drop,
}

coded_enum!(Sealed: "fate of a block" { 0 Publish, 1 Propose, 2 Hold, 3 Drop });

/// What the node does with a consensus message or a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Gossip {
    /// Pass it on to the other neighbours.
    Forward,
    /// Nothing more.
    Ignore,
    /// Blame the neighbour that it came from.
    Penalize,
}

coded_enum!(Gossip: "fate of a message" { 0 Forward, 1 Ignore, 2 Penalize });

/// Signs in this node's name.
pub trait Signer {
    /// A proof over `digest` that [`Env::signer`](crate::env::Env::signer) reads. Sign digests of your own domain only
    /// ([`domain_hash`](crate::hash::domain_hash)), never bytes that a peer chose.
    fn sign(&self, digest: &Id) -> Vec<u8>;
}

/// Where an agent stands when it is called, and where it leaves its answers.
pub struct Ctx<'a> {
    /// The node's clock.
    pub now: Time,
    /// The node's address.
    pub me: Address,
    /// The node's tip. During `on_block` still the old one.
    pub tip: Id,
    /// Whether the node lacks blocks that it has heard of, or has begun again and not heard from any neighbour yet. Whoever
    /// signs should set no duties then: `on_tip` comes again when it is over.
    pub catching_up: bool,
    /// All blocks that the node has accepted, and their states.
    pub chain: &'a dyn ChainView,
    /// Signs in the node's name.
    pub signer: &'a dyn Signer,
    /// What draws are made of; differs for every node.
    pub seed: u64,
    /// What the agent asks for, in order.
    pub effects: Vec<Effect>,
    /// The new duties, if they change.
    pub duties: Option<Vec<Duty>>,
    /// An empty list for them.
    pub(crate) duty_list: Vec<Duty>,
}

impl<'a> Ctx<'a> {
    /// A context without answers yet.
    pub fn new(
        now: Time,
        me: Address,
        tip: Id,
        chain: &'a dyn ChainView,
        signer: &'a dyn Signer,
        seed: u64,
    ) -> Ctx<'a> {
        Ctx {
            now,
            me,
            tip,
            catching_up: false,
            chain,
            signer,
            seed,
            effects: Vec::new(),
            duties: None,
            duty_list: Vec::new(),
        }
    }

    /// Replaces all duties of the node.
    pub fn set_duties(&mut self, duties: impl IntoIterator<Item = Duty>) {
        let mut list = std::mem::take(&mut self.duty_list);
        list.extend(duties);
        self.duties = Some(list);
    }

    /// Asks for `effect`.
    pub fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// A draw of this node: a pure function of the seed, the purpose and the counter.
    pub fn draw(&self, purpose: u64, counter: u64) -> u64 {
        draw(self.seed, purpose, counter)
    }
}

/// The behaviour of one node. Made by [`Consensus::agent`](crate::consensus::Consensus::agent), or by an attack around such a one.
///
/// An agent around another one names it in [`inner`](Agent::inner) and writes only what it does otherwise:
///
/// ```
/// use fika_core::agent::{Agent, Ctx, Sealed};
/// use fika_core::view::BlockView;
///
/// /// Makes no blocks, and is honest in all else.
/// struct Lazy(Box<dyn Agent>);
///
/// impl Agent for Lazy {
///     fn inner(&mut self) -> Option<&mut dyn Agent> {
///         Some(&mut *self.0)
///     }
///
///     fn seal(&mut self, _: &BlockView<'_>, _: &mut Vec<u8>, _: &mut Ctx<'_>) -> Sealed {
///         Sealed::Drop
///     }
/// }
/// ```
pub trait Agent: Send {
    /// The agent that this one is around. Every call goes to it that is not defined here.
    fn inner(&mut self) -> Option<&mut dyn Agent> {
        None
    }

    /// The node begins again: what the agent has [kept](Effect::Keep), by name. Called before everything else, and not at
    /// all where nothing was kept.
    fn restore(&mut self, kept: &[(Vec<u8>, Vec<u8>)]) {
        if let Some(inner) = self.inner() {
            inner.restore(kept);
        }
    }

    /// The node's tip is `tip` now. An agent without duties makes no blocks.
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        if let Some(inner) = self.inner() {
            inner.on_tip(tip, ctx);
        }
    }

    /// The node has made `block` for one of the duties; append the proof over it to `seal`. By default the block is
    /// published without one.
    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        self.inner().map_or(Sealed::Publish, |inner| inner.seal(block, seal, ctx))
    }

    /// The node has accepted `block`, its own included.
    fn on_block(&mut self, block: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        if let Some(inner) = self.inner() {
            inner.on_block(block, ctx);
        }
    }

    /// A block has been proposed that is valid but for its seal. The answer says whether this node passes it on: only what
    /// is passed on can be published, and others may bring again what is not. An agent that proposes answers
    /// [`Gossip::Forward`] for what its proposer has signed: who lets everything pass relays a stranger's flood to all. By
    /// default nothing passes.
    fn on_proposal(&mut self, block: &BlockView<'_>, seal: &[u8], ctx: &mut Ctx<'_>) -> Gossip {
        self.inner().map_or(Gossip::Ignore, |inner| inner.on_proposal(block, seal, ctx))
    }

    /// Another agent says something.
    ///
    /// Of what was [sent](Effect::Send) or [broadcast](Effect::Broadcast), `from` is the node that claims to have said it
    /// first, not the neighbour that passed it on. Nobody has checked the claim: a signature inside of `bytes` must prove
    /// it. A [reply](Effect::Reply) names nobody, and `from` is [`Address::default()`].
    ///
    /// What is sent to another node does not come here but to [`on_passing`](Agent::on_passing). The answer
    /// [`Gossip::Forward`] counts for broadcasts alone.
    fn on_message(&mut self, from: &Address, bytes: &[u8], ctx: &mut Ctx<'_>) -> Gossip {
        self.inner().map_or(Gossip::Ignore, |inner| inner.on_message(from, bytes, ctx))
    }

    /// A message to another node passes by: whether this node passes it on. An agent that [sends](Effect::Send) to single nodes
    /// answers [`Gossip::Forward`] for what may be one of its messages, by its signature best of all; who lets everything pass
    /// relays a stranger's flood to all. By default nothing passes: no agent of the chain would have sent it.
    fn on_passing(&mut self, from: &Address, to: &Address, bytes: &[u8], ctx: &mut Ctx<'_>) -> Gossip {
        self.inner().map_or(Gossip::Ignore, |inner| inner.on_passing(from, to, bytes, ctx))
    }

    /// The node is about to tell a light node this, which is true: a [`CfHeaders`](Message::CfHeaders), a
    /// [`CFilter`](Message::CFilter) or a [`MerkleBlock`](Message::MerkleBlock). What it says instead; `None`: the truth.
    /// Honest agents leave it alone.
    fn answer_light(&mut self, answer: &Message, ctx: &mut Ctx<'_>) -> Option<Message> {
        self.inner().and_then(|inner| inner.answer_light(answer, ctx))
    }

    /// A timer has run out.
    fn on_timer(&mut self, token: u64, ctx: &mut Ctx<'_>) {
        if let Some(inner) = self.inner() {
            inner.on_timer(token, ctx);
        }
    }
}

/// An attack: another behaviour around the honest one of whatever rules the chain has.
pub trait Attack: Send + Sync {
    /// The attacker that `honest` becomes at the node `me`.
    fn agent(&self, honest: Box<dyn Agent>, me: Address) -> Box<dyn Agent>;
}

/// The smallest attack: the honest agent as it is. A template for authors.
pub struct Honest;

impl Attack for Honest {
    fn agent(&self, honest: Box<dyn Agent>, _: Address) -> Box<dyn Agent> {
        honest
    }
}
