//! Delegated proof of stake: deposits and votes are actions, delegates are elected at the end of an epoch, take turns
//! and sign each other's blocks; whoever signs two blocks for one slot loses the deposit.

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx, Draft, Duty, Effect, Gossip, Sealed};
use fika_core::amount::{Amount, COIN};
use fika_core::codec::{Decode, Encode, Reader, put_list};
use fika_core::consensus::{Consensus, LedgerOp, Summary};
use fika_core::env::Env;
use fika_core::hash::{Id, domain_hash};
use fika_core::header::Header;
use fika_core::reject::{Missing, Reject, ensure};
use fika_core::tx::ActionRequest;
use fika_core::view::{BlockView, ChainView};

/// Blocks between elections.
pub const EPOCH: u64 = 8;
/// Delegates at the same time.
pub const DELEGATES: usize = 3;
pub const DEPOSIT: Amount = Amount::coins(10);
const LOCK: u8 = 1;
const VOTE: u8 = 2;
const EVIDENCE: u8 = 3;

/// A header and its leader's proof over it: two for one slot are evidence.
pub type Claim = (Header, Vec<u8>);

pub fn leader_digest(id: &Id) -> Id {
    domain_hash("dpos leader", &[&id.0])
}

pub fn cosigner_digest(id: &Id) -> Id {
    domain_hash("dpos cosigner", &[&id.0])
}

#[derive(Clone)]
pub struct Dpos(pub Env);

impl Dpos {
    /// Who may produce and sign after the block `at`: the elected, or the first founders.
    pub fn delegates(&self, at: &Id, past: &dyn ChainView) -> Result<Vec<Address>, Missing> {
        if let Some(elected) = past.get(at, b"elected")? {
            return Ok(elected.chunks_exact(20).filter_map(|who| Some(Address(who.try_into().ok()?))).collect());
        }
        let founders = past.stakes(&past.ancestor(at, 0)?.id)?;
        Ok(founders.iter().take(DELEGATES).map(|(who, _)| *who).collect())
    }

    fn slot(&self, time: u32) -> u32 {
        time / self.0.chain.block_interval_ticks()
    }

    fn leader(&self, time: u32, delegates: &[Address]) -> Address {
        delegates[self.slot(time) as usize % delegates.len()]
    }

    /// The delegates that get the most votes, by stake, among those with a deposit.
    fn elect(&self, parent: &Id, past: &dyn ChainView) -> Result<Vec<u8>, Missing> {
        let mut votes: Vec<(Amount, Address)> = Vec::new();
        for (proposal, _) in past.stakes(parent)? {
            if past.locked(parent, &proposal)? < DEPOSIT {
                continue;
            }
            let mut sum = Amount::ZERO;
            for (voter, voted) in past.scan(parent, b"vote/")? {
                let voter = Address(voter[5..].try_into().expect("only settle writes these"));
                sum += if voted == proposal.0 { past.balance(parent, &voter)? } else { Amount::ZERO };
            }
            votes.push((sum, proposal));
        }
        votes.sort_by_key(|(sum, who)| (std::cmp::Reverse(*sum), *who));
        Ok(votes.iter().take(DELEGATES).flat_map(|(_, who)| who.0).collect())
    }

    /// Who signed two blocks for one slot, if the evidence says so.
    fn offender(&self, data: &[u8]) -> Option<Address> {
        let (one, other) = <(Claim, Claim)>::from_bytes(data).ok()?;
        let signer = |claim: &Claim| self.0.signer(&leader_digest(&claim.0.id()), &claim.1);
        let differ = one.0.id() != other.0.id() && self.slot(one.0.time) == self.slot(other.0.time);
        signer(&one).filter(|who| differ && signer(&other) == Some(*who))
    }
}

impl Consensus for Dpos {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        let time = block.header.time;
        ensure(self.slot(time) > self.slot(parent.header.time), || "not a later slot")?;
        let leader = self.leader(time, &self.delegates(&parent.id, past)?);
        ensure(leader.0 == block.extra, || "out of turn")
    }

    fn check_seal(&self, block: &BlockView<'_>, seal: &[u8], past: &dyn ChainView) -> Result<(), Reject> {
        let delegates = self.delegates(&block.header.parent, past)?;
        let mut from = Reader::new(seal);
        let proofs: Vec<Vec<u8>> = from.list(DELEGATES)?;
        from.finish()?;
        let [first, others @ ..] = &proofs[..] else { return Err(Reject::invalid("an empty certificate")) };
        let leader = self.0.signer(&leader_digest(&block.id), first);
        ensure(leader.is_some_and(|who| who.0 == block.extra), || "not signed by its leader")?;
        let digest = cosigner_digest(&block.id);
        let mut signers: Vec<Address> = others.iter().filter_map(|proof| self.0.signer(&digest, proof)).collect();
        signers.extend(leader);
        signers.sort_unstable();
        signers.dedup();
        signers.retain(|who| delegates.contains(who));
        let enough = 3 * signers.len() >= 2 * delegates.len() && signers.len() == proofs.len();
        ensure(enough, || format!("signed by {} of {}", signers.len(), delegates.len()))
    }

    fn settle(&self, summary: &Summary<'_>, past: &dyn ChainView) -> Result<Vec<LedgerOp>, Reject> {
        let parent = &summary.parent.id;
        let mut ops = vec![LedgerOp::MayMint(summary.subsidy)];
        let mut guilty = Vec::new();
        for action in summary.actions {
            match action.kind {
                LOCK => ops.push(LedgerOp::Lock(action.from, action.amount)),
                VOTE => ops.push(LedgerOp::Put([b"vote/", &action.from.0[..]].concat(), Some(action.data.clone()))),
                EVIDENCE => {
                    let who = self.offender(&action.data).ok_or_else(|| Reject::invalid("this is no evidence"))?;
                    let deposit = past.locked(parent, &who)?;
                    if deposit > Amount::ZERO && !guilty.contains(&who) {
                        ops.push(LedgerOp::Forfeit(who, deposit));
                        guilty.push(who);
                    }
                }
                other => return Err(Reject::invalid(format!("an unknown action {other}"))),
            }
        }
        if summary.height.is_multiple_of(EPOCH) {
            let elected = self.elect(parent, past)?;
            ops.push(LedgerOp::Put(b"elected".to_vec(), Some(elected).filter(|elected| !elected.is_empty())));
        }
        Ok(ops)
    }

    fn agent(&self, _: Address) -> Box<dyn Agent> {
        Box::new(Delegate::new(self))
    }
}

pub struct Delegate {
    rules: Dpos,
    entered: bool,
    /// The block that it has proposed, with the proofs so far.
    proposed: Option<(Id, Vec<Vec<u8>>)>,
    /// What it has co-signed last.
    cosigned_slot: u32,
    /// The last claims of leaders.
    claims: Vec<Claim>,
}

impl Delegate {
    fn new(rules: &Dpos) -> Delegate {
        Delegate { rules: rules.clone(), entered: false, proposed: None, cosigned_slot: 0, claims: Vec::new() }
    }

    fn act(ctx: &mut Ctx<'_>, kind: u8, amount: Amount, data: Vec<u8>) {
        ctx.effect(Effect::act(ActionRequest { kind, amount, data }, Amount(COIN.0 / 100)));
    }

    /// Remembers what a leader signed, and reports one who signed twice.
    fn note_claim(&mut self, claim: Claim, ctx: &mut Ctx<'_>) {
        if self.claims.contains(&claim) {
            return;
        }
        for earlier in &self.claims {
            let evidence = (earlier.clone(), claim.clone()).to_bytes();
            if self.rules.offender(&evidence).is_some() {
                Self::act(ctx, EVIDENCE, Amount::ZERO, evidence);
            }
        }
        self.claims.push(claim);
        if self.claims.len() > 20 {
            self.claims.remove(0);
        }
    }
}

impl Agent for Delegate {
    fn on_tip(&mut self, tip: &BlockView<'_>, ctx: &mut Ctx<'_>) {
        let genesis = ctx.chain.ancestor(&tip.id, 0).expect("genesis").id;
        let founders: Vec<Address> =
            ctx.chain.stakes(&genesis).expect("at genesis").iter().map(|(who, _)| *who).collect();
        // After a restart it may have entered long ago.
        let deposit = ctx.chain.locked(&tip.id, &ctx.me).expect("at the tip");
        if !std::mem::replace(&mut self.entered, true) && deposit == Amount::ZERO {
            Self::act(ctx, LOCK, DEPOSIT, Vec::new());
            // The late founders vote for themselves, the others for the last one.
            let late = founders.iter().skip(DELEGATES).any(|who| *who == ctx.me);
            let favourite = if late { ctx.me } else { founders[founders.len() - 1] };
            Self::act(ctx, VOTE, Amount::ZERO, favourite.0.to_vec());
        }
        let delegates = self.rules.delegates(&tip.id, ctx.chain).expect("at the tip");
        let chain = &self.rules.0.chain;
        let ticks = chain.block_interval_ticks();
        let next = self.rules.slot(chain.tick(ctx.now).max(tip.header.time)) + 1;
        let slots = (next..next + DELEGATES as u32).map(|slot| slot * ticks);
        let mine = slots.into_iter().find(|time| self.rules.leader(*time, &delegates) == ctx.me);
        let draft = Draft::new(tip.id).with_extra(ctx.me.0);
        ctx.set_duties(mine.map(|tick| Duty::slot(draft, chain.time(tick))));
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        let proofs = vec![ctx.signer.sign(&leader_digest(&block.id))];
        put_list(seal, &proofs);
        self.proposed = Some((block.id, proofs));
        Sealed::Propose
    }

    fn on_proposal(&mut self, block: &BlockView<'_>, seal: &[u8], ctx: &mut Ctx<'_>) -> Gossip {
        let slot = self.rules.slot(block.header.time);
        let proofs: Vec<Vec<u8>> = Reader::new(seal).list(1).unwrap_or_default();
        let signed = |proof: &Vec<u8>| self.rules.0.signer(&leader_digest(&block.id), proof);
        let Some(leader) = proofs.first().and_then(signed).filter(|who| who.0 == block.extra) else {
            return Gossip::Penalize;
        };
        self.note_claim((block.header, proofs[0].clone()), ctx);
        let delegates = self.rules.delegates(&block.header.parent, ctx.chain).unwrap_or_default();
        if slot > self.cosigned_slot && delegates.contains(&ctx.me) {
            self.cosigned_slot = slot;
            let answer = (block.id, ctx.signer.sign(&cosigner_digest(&block.id))).to_bytes();
            // The neighbour may be the leader; else the others pass it on.
            ctx.effect(Effect::Reply([&[0], &answer[..]].concat()));
            ctx.effect(Effect::Send(leader, [&[0], &answer[..]].concat()));
        }
        Gossip::Forward
    }

    fn on_passing(&mut self, _: &Address, _: &Address, bytes: &[u8], _: &mut Ctx<'_>) -> Gossip {
        let Some((0, rest)) = bytes.split_first() else { return Gossip::Penalize };
        let Ok((id, proof)) = <(Id, Vec<u8>)>::from_bytes(rest) else { return Gossip::Penalize };
        match self.rules.0.signer(&cosigner_digest(&id), &proof) {
            Some(_) => Gossip::Forward,
            None => Gossip::Penalize,
        }
    }

    fn on_message(&mut self, _: &Address, bytes: &[u8], ctx: &mut Ctx<'_>) -> Gossip {
        match bytes.split_first() {
            Some((0, rest)) => {
                let Ok((id, proof)) = <(Id, Vec<u8>)>::from_bytes(rest) else { return Gossip::Penalize };
                let Some(signer) = self.rules.0.signer(&cosigner_digest(&id), &proof) else { return Gossip::Penalize };
                let Some((_, proofs)) = self.proposed.as_mut().filter(|(proposed, _)| *proposed == id) else {
                    return Gossip::Ignore;
                };
                let delegates = self.rules.delegates(&ctx.tip, ctx.chain).unwrap_or_default();
                if !proofs.contains(&proof) && delegates.contains(&signer) && signer != ctx.me {
                    proofs.push(proof);
                    if 3 * proofs.len() >= 2 * delegates.len() {
                        let mut seal = Vec::new();
                        put_list(&mut seal, proofs);
                        self.proposed = None;
                        ctx.effect(Effect::Publish(id, seal));
                    }
                }
                Gossip::Ignore
            }
            Some((1, rest)) => match Claim::from_bytes(rest) {
                Ok(claim) => {
                    self.note_claim(claim, ctx);
                    Gossip::Forward
                }
                Err(_) => Gossip::Penalize,
            },
            _ => Gossip::Penalize,
        }
    }
}

/// A delegate that signs two headers in every slot and tells everyone.
pub struct Equivocator;

struct TwoFaced(Box<dyn Agent>);

impl fika_core::agent::Attack for Equivocator {
    fn agent(&self, honest: Box<dyn Agent>, _: Address) -> Box<dyn Agent> {
        Box::new(TwoFaced(honest))
    }
}

impl Agent for TwoFaced {
    fn inner(&mut self) -> Option<&mut dyn Agent> {
        Some(&mut *self.0)
    }

    fn seal(&mut self, block: &BlockView<'_>, seal: &mut Vec<u8>, ctx: &mut Ctx<'_>) -> Sealed {
        let other = Header { nonce: 1, ..block.header };
        let claim: Claim = (other, ctx.signer.sign(&leader_digest(&other.id())));
        ctx.effect(Effect::Broadcast([&[1], &claim.to_bytes()[..]].concat()));
        self.0.seal(block, seal, ctx)
    }
}
