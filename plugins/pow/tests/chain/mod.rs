//! A chain of headers in memory, for calling the rules without a node.

use fika_core::address::Address;
use fika_core::amount::Amount;
use fika_core::hash::Id;
use fika_core::header::Header;
use fika_core::reject::Missing;
use fika_core::target::Work;
use fika_core::view::{BlockView, ChainView, Coin};

/// Headers by height, genesis first. There are no transactions, so every state is empty.
pub(crate) struct Chain(Vec<(Id, Header)>);

impl Chain {
    /// A genesis block as the world makes it: without bits.
    pub(crate) fn new(genesis_time: u32) -> Chain {
        let genesis = Header { time: genesis_time, ..Header::default() };
        Chain(vec![(genesis.id(), genesis)])
    }

    /// Appends a block without asking any rule.
    pub(crate) fn push(&mut self, time: u32, bits: u32) {
        let header = self.next(time, bits);
        self.0.push((header.id(), header));
    }

    /// The header of a child of the tip.
    pub(crate) fn next(&self, time: u32, bits: u32) -> Header {
        Header { parent: self.tip().id, time, bits, ..Header::default() }
    }

    pub(crate) fn tip(&self) -> BlockView<'_> {
        self.at(self.0.len() - 1)
    }

    /// `header` as a block on the tip.
    pub(crate) fn view<'a>(&self, header: Header, extra: &'a [u8]) -> BlockView<'a> {
        BlockView { id: header.id(), header, height: self.0.len() as u64, weight: Work::ZERO, extra }
    }

    fn at(&self, height: usize) -> BlockView<'_> {
        let (id, header) = self.0[height];
        BlockView { id, header, height: height as u64, weight: Work::ZERO, extra: &[] }
    }
}

impl ChainView for Chain {
    fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing> {
        let height = self.0.iter().rposition(|(found, _)| found == id).ok_or(Missing(*id))?;
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

    fn coins(&self, _: &Id, _: &Address) -> Result<Vec<Coin>, Missing> {
        Ok(Vec::new())
    }

    fn get(&self, _: &Id, _: &[u8]) -> Result<Option<Vec<u8>>, Missing> {
        Ok(None)
    }

    fn scan(&self, _: &Id, _: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Missing> {
        Ok(Vec::new())
    }
}
