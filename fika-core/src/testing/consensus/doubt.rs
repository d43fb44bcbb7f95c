//! Rules that are asked everything more than once.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use crate::address::Address;
use crate::agent::Agent;
use crate::amount::Amount;
use crate::consensus::{Consensus, LedgerOp, Summary};
use crate::env::Env;
use crate::hash::Id;
use crate::header::{Header, Time};
use crate::reject::Reject;
use crate::target::Work;
use crate::testing::network::Maker;
use crate::view::{BlockView, ChainView, TreeView};

/// The most that a block may create.
pub(super) type MayIssue = Arc<dyn Fn(&Summary<'_>) -> Amount + Send + Sync>;

/// Rules around which every question is asked twice, and once of rules that were made for it alone. It panics when
/// the answers differ, or cannot be right.
pub(super) struct Doubting {
    pub(super) rules: Arc<dyn Consensus>,
    pub(super) make: Maker<Arc<dyn Consensus>>,
    pub(super) env: Env,
    pub(super) may_issue: MayIssue,
    /// What the message of a failure begins with.
    pub(super) context: String,
}

fn named(block: &BlockView<'_>) -> String {
    format!("block {} at height {}", block.id, block.height)
}

impl Doubting {
    /// The answer of the rules, unless they have another one.
    fn ask<T: PartialEq + Debug>(&self, method: &str, of: impl Fn() -> String, ask: impl Fn(&dyn Consensus) -> T) -> T {
        let first = ask(&*self.rules);
        let again = ask(&*self.rules);
        let context = &self.context;
        if first != again {
            panic!("{context}{method} is not pure: asked twice about {}, it said {first:?} and then {again:?}", of());
        }
        let fresh = (self.make)(&self.env).unwrap_or_else(|error| panic!("the consensus cannot be made: {error}"));
        let fresh = ask(&*fresh);
        if first != fresh {
            panic!(
                "{context}{method} is not pure: about {}, rules that have been in use said {first:?}, and new ones \
                 {fresh:?}",
                of()
            );
        }
        first
    }

    /// What the rules do to the ledger takes nothing that is not there.
    fn check_conserved(&self, ops: &[LedgerOp], summary: &Summary<'_>, past: &dyn ChainView) {
        let block = || format!("{}settle of the block after {}", self.context, named(&summary.parent));
        let brought: Amount = summary.actions.iter().map(|action| action.amount).sum();
        let mut deposits = BTreeMap::<Address, Amount>::new();
        let (mut locked, mut issued) = (Amount::ZERO, Amount::ZERO);
        for op in ops {
            match op {
                LedgerOp::MayMint(amount) | LedgerOp::Mint(_, amount) => issued += *amount,
                LedgerOp::Lock(who, amount) => {
                    locked += *amount;
                    // A view without this state has nothing to be compared with.
                    let Ok(before) = past.locked(&summary.parent.id, who) else { continue };
                    *deposits.entry(*who).or_insert(before) += *amount;
                }
                LedgerOp::Unlock(who, amount) | LedgerOp::Forfeit(who, amount) => {
                    let Ok(before) = past.locked(&summary.parent.id, who) else { continue };
                    let deposit = deposits.entry(*who).or_insert(before);
                    let found = *deposit;
                    *deposit = found.checked_sub(*amount).unwrap_or_else(|| {
                        panic!("{} takes {amount} coins from the deposit of {who}, which is {found}", block())
                    });
                }
                LedgerOp::Put(..) => {}
            }
        }
        assert!(locked <= brought, "{} locks {locked} coins where its actions brought {brought}", block());
        let may = (self.may_issue)(summary);
        assert!(issued <= may, "{} creates {issued} coins where the schedule allows {may}", block());
    }
}

impl Consensus for Doubting {
    fn check(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        self.ask("check", || named(block), |rules| rules.check(block, parent, past))?;
        if let Err(Reject::Invalid(why)) = self.check_header(block, parent, past) {
            panic!("{}check accepts {}, and check_header refuses it: {why}", self.context, named(block));
        }
        Ok(())
    }

    fn check_header(&self, block: &BlockView<'_>, parent: &BlockView<'_>, past: &dyn ChainView) -> Result<(), Reject> {
        self.ask("check_header", || named(block), |rules| rules.check_header(block, parent, past))
    }

    fn check_work(&self, header: &Header) -> Result<(), Reject> {
        self.ask("check_work", || format!("block {}", header.id()), |rules| rules.check_work(header))
    }

    fn check_seal(&self, block: &BlockView<'_>, seal: &[u8], past: &dyn ChainView) -> Result<(), Reject> {
        self.ask("check_seal", || named(block), |rules| rules.check_seal(block, seal, past))
    }

    fn earliest(&self, header: &Header) -> Option<Time> {
        self.ask("earliest", || format!("block {}", header.id()), |rules| rules.earliest(header))
    }

    fn grind(&self, header: &mut Header, tries: u32) -> bool {
        self.rules.grind(header, tries)
    }

    fn settle(&self, summary: &Summary<'_>, past: &dyn ChainView) -> Result<Vec<LedgerOp>, Reject> {
        let of = || format!("the block after {}", named(&summary.parent));
        let ops = self.ask("settle", of, |rules| rules.settle(summary, past))?;
        self.check_conserved(&ops, summary, past);
        Ok(ops)
    }

    fn weight(&self, block: &BlockView<'_>) -> Work {
        self.ask("weight", || named(block), |rules| rules.weight(block))
    }

    fn choose(&self, current: &BlockView<'_>, new: &BlockView<'_>, tree: &dyn TreeView) -> Id {
        let both = || format!("{} and the new {}", named(current), named(new));
        let best = self.ask("choose", both, |rules| rules.choose(current, new, tree));
        let context = &self.context;
        let Ok(best_view) = tree.block(&best) else {
            panic!("{context}choose between {} named block {best}, which the node has not accepted", both());
        };
        for other in [current, new] {
            let back = self.rules.choose(&best_view, other, tree);
            assert!(
                back == best,
                "{context}choose is not consistent: between {} it prefers {best}, and leaves that for {back} when it \
                 hears of {}",
                both(),
                other.id
            );
        }
        best
    }

    fn references(&self, block: &BlockView<'_>) -> Result<Vec<Id>, Reject> {
        self.ask("references", || named(block), |rules| rules.references(block))
    }

    fn agent(&self, me: Address) -> Box<dyn Agent> {
        self.rules.agent(me)
    }
}
