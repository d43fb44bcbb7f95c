//! A chain in memory with coins and rule keys, for calling the rules without a node.

use std::collections::BTreeMap;

use fika_core::address::Address;
use fika_core::agent::Signer;
use fika_core::amount::Amount;
use fika_core::consensus::{Consensus, LedgerOp, Summary};
use fika_core::env::signed_proof;
use fika_core::hash::{Id, sha256};
use fika_core::header::Header;
use fika_core::keys::{KeyPair, KeyScheme, NoKeys};
use fika_core::reject::Missing;
use fika_core::target::Work;
use fika_core::view::{BlockView, ChainView, Coin};

/// A node's key pair.
pub(crate) struct Keys(KeyPair);

impl Keys {
    pub(crate) fn new(seed: u8) -> Keys {
        Keys(NoKeys.generate(&sha256(&[&[seed]])))
    }

    pub(crate) fn address(&self) -> Address {
        NoKeys.address(&self.0.public)
    }
}

impl Signer for Keys {
    fn sign(&self, digest: &Id) -> Vec<u8> {
        signed_proof(&self.0.public, &NoKeys.sign(0, &self.0.secret, digest).unwrap())
    }
}

/// What the rules keep.
type Records = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone)]
struct Stored {
    id: Id,
    header: Header,
    extra: Vec<u8>,
    weight: Work,
    records: Records,
}

/// Blocks by height, each with the records after it. Coins exist from genesis on and are never spent.
#[derive(Clone)]
pub(crate) struct Chain {
    blocks: Vec<Stored>,
    coins: BTreeMap<Address, Vec<Coin>>,
}

impl Chain {
    pub(crate) fn new(genesis_time: u32) -> Chain {
        let header = Header { time: genesis_time, ..Header::default() };
        let (extra, weight, records) = (Vec::new(), Work::ZERO, Records::new());
        Chain { blocks: vec![Stored { id: header.id(), header, extra, weight, records }], coins: BTreeMap::new() }
    }

    /// Gives `who` a coin with this key at genesis.
    pub(crate) fn give(&mut self, who: Address, key: &[u8], amount: Amount) {
        let coins = self.coins.entry(who).or_default();
        coins.push(Coin { key: key.to_vec(), amount, height: 0, time: self.blocks[0].header.time });
        coins.sort_by(|a, b| a.key.cmp(&b.key));
    }

    /// Appends a block without checking it, and does what the rules say it does to the ledger.
    pub(crate) fn push(&mut self, rules: &dyn Consensus, header: Header, extra: &[u8]) -> Vec<LedgerOp> {
        let parent = self.tip();
        let summary = Summary {
            parent,
            height: parent.height + 1,
            time: header.time,
            bits: header.bits,
            extra,
            subsidy: Amount::coins(50),
            fees: Amount::ZERO,
            actions: &[],
        };
        let ops = rules.settle(&summary, self).unwrap();
        let weight = parent.weight.plus(rules.weight(&self.view(header, extra)));
        let mut records = self.blocks.last().unwrap().records.clone();
        for op in &ops {
            match op {
                LedgerOp::Put(key, Some(value)) => drop(records.insert(key.clone(), value.clone())),
                LedgerOp::Put(key, None) => assert!(records.remove(key).is_some()),
                LedgerOp::MayMint(amount) => assert_eq!(*amount, Amount::coins(50)),
                other => panic!("expected no {other:?}"),
            }
        }
        self.blocks.push(Stored { id: header.id(), header, extra: extra.to_vec(), weight, records });
        ops
    }

    /// The header of a child of the tip.
    pub(crate) fn next(&self, version: u32, time: u32, bits: u32) -> Header {
        Header { version, parent: self.tip().id, time, bits, ..Header::default() }
    }

    pub(crate) fn tip(&self) -> BlockView<'_> {
        self.at(self.blocks.len() - 1)
    }

    /// `header` as a block on the tip.
    pub(crate) fn view<'a>(&self, header: Header, extra: &'a [u8]) -> BlockView<'a> {
        let weight = self.tip().weight;
        BlockView { id: header.id(), header, height: self.blocks.len() as u64, weight, extra }
    }

    /// How many keys of the rules start with `prefix` at the tip.
    pub(crate) fn count(&self, prefix: &[u8]) -> usize {
        self.scan(&self.tip().id, prefix).unwrap().len()
    }

    fn at(&self, height: usize) -> BlockView<'_> {
        let Stored { id, header, weight, .. } = self.blocks[height];
        BlockView { id, header, height: height as u64, weight, extra: &self.blocks[height].extra }
    }

    fn records(&self, at: &Id) -> Result<&Records, Missing> {
        Ok(&self.blocks[self.block(at)?.height as usize].records)
    }
}

impl ChainView for Chain {
    fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing> {
        let height = self.blocks.iter().rposition(|block| block.id == *id).ok_or(Missing(*id))?;
        Ok(self.at(height))
    }

    fn ancestor(&self, of: &Id, height: u64) -> Result<BlockView<'_>, Missing> {
        let top = self.block(of)?.height;
        if height <= top { Ok(self.at(height as usize)) } else { Err(Missing(*of)) }
    }

    fn balance(&self, _: &Id, _: &Address) -> Result<Amount, Missing> {
        Ok(Amount::ZERO)
    }

    fn locked(&self, _: &Id, _: &Address) -> Result<Amount, Missing> {
        Ok(Amount::ZERO)
    }

    fn stakes(&self, _: &Id) -> Result<Vec<(Address, Amount)>, Missing> {
        Ok(Vec::new())
    }

    fn coins(&self, _: &Id, who: &Address) -> Result<Vec<Coin>, Missing> {
        Ok(self.coins.get(who).cloned().unwrap_or_default())
    }

    fn get(&self, at: &Id, key: &[u8]) -> Result<Option<Vec<u8>>, Missing> {
        Ok(self.records(at)?.get(key).cloned())
    }

    fn scan(&self, at: &Id, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Missing> {
        let found = self.records(at)?.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}
