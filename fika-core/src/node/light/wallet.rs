//! Paying with coins that are known by proof.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::amount::Amount;
use crate::block::Tx;
use crate::hash::Id;
use crate::node::own_txs::OwnTx;
use crate::node::state::Node;
use crate::node::turn::Turn;
use crate::tx::{Credit, Ledger};
use crate::world::World;

/// The coins of a light node, which are all that it knows of the ledger.
pub(in crate::node) struct LightLedger {
    owner: Address,
    coins: BTreeMap<Vec<u8>, Credit>,
}

impl Ledger for LightLedger {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.coins.get(key).map(|coin| coin.value.clone())
    }

    fn balance(&self, owner: &Address) -> Amount {
        self.coins(owner).into_iter().map(|(_, amount)| amount).sum()
    }

    fn coins(&self, owner: &Address) -> Vec<(Vec<u8>, Amount)> {
        let own = self.coins.iter().filter(|_| *owner == self.owner);
        own.map(|(key, coin)| (key.clone(), coin.amount)).collect()
    }
}

impl Node {
    /// The coins that a light node may spend: those that no payment of its own spends, and the change of such payments.
    pub(in crate::node) fn light_ledger(&self, world: &World, with_change: bool) -> LightLedger {
        let light = &self.seldom.light;
        let mut coins = light.coins(world.tree());
        let pending = if with_change { self.own.pending() } else { Vec::new() };
        for n in pending {
            let outline = world.rules().tx.outline(self.own.all[n].tx.bytes(), world.next_context(self.tip));
            let change = outline.into_iter().flat_map(|outline| outline.credits);
            coins.extend(change.filter(|coin| coin.lock == light.lock).map(|coin| (coin.key.clone(), coin)));
        }
        coins.retain(|key, _| self.own.spender(key).is_none());
        LightLedger { owner: self.address, coins }
    }

    /// Sends a payment of a light node, whole, and keeps it, durably, before it leaves the node.
    pub(in crate::node) fn send_light(
        &mut self,
        turn: &mut Turn<'_>,
        tx: Tx,
        to: Option<Address>,
        amount: Amount,
    ) -> Result<Id, String> {
        let (context, ledger) = (turn.world.next_context(self.tip), self.light_ledger(turn.world, true));
        let outcome = turn.world.check_tx(&tx, context, &ledger).map_err(|why| why.to_string())?;
        let hash = tx.hash();
        let own = OwnTx::new(tx, &outcome, &*turn.world.rules().script, (self.address, to), amount, turn.now);
        self.own.add(turn.world, own, self.announce_wait());
        self.time_own_announcements(turn);
        let index = turn.world.txs_mut().hold_tx(&self.own.all[self.own.all.len() - 1].tx);
        self.send_tx(turn, index, None);
        turn.world.txs_mut().release(index);
        Ok(hash)
    }
}
