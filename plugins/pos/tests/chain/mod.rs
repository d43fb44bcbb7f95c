//! A chain in memory, for calling the rules without a node.

use fika_core::address::Address;
use fika_core::agent::Signer;
use fika_core::amount::Amount;
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

#[derive(Clone)]
struct Stored {
    id: Id,
    header: Header,
    extra: Vec<u8>,
    stakes: Vec<(Address, Amount)>,
}

/// Blocks by height, each with the stakes after it.
#[derive(Clone)]
pub(crate) struct Chain(Vec<Stored>);

impl Chain {
    pub(crate) fn new(genesis_time: u32, stakes: &[(Address, Amount)]) -> Chain {
        let header = Header { time: genesis_time, ..Header::default() };
        let mut stakes = stakes.to_vec();
        stakes.sort();
        Chain(vec![Stored { id: header.id(), header, extra: Vec::new(), stakes }])
    }

    /// Appends a block without asking any rule; stakes stay as they are.
    pub(crate) fn push(&mut self, time: u32, extra: &[u8]) {
        let header = self.next(time);
        let stakes = self.0.last().unwrap().stakes.clone();
        self.0.push(Stored { id: header.id(), header, extra: extra.to_vec(), stakes });
    }

    /// What everyone holds after the tip.
    pub(crate) fn set_stakes(&mut self, stakes: &[(Address, Amount)]) {
        self.0.last_mut().unwrap().stakes = stakes.to_vec();
    }

    /// The header of a child of the tip.
    pub(crate) fn next(&self, time: u32) -> Header {
        Header { parent: self.tip().id, time, ..Header::default() }
    }

    pub(crate) fn tip(&self) -> BlockView<'_> {
        self.at(self.0.len() - 1)
    }

    /// `header` as a block on the tip.
    pub(crate) fn view<'a>(&self, header: Header, extra: &'a [u8]) -> BlockView<'a> {
        BlockView { id: header.id(), header, height: self.0.len() as u64, weight: Work::ZERO, extra }
    }

    fn at(&self, height: usize) -> BlockView<'_> {
        let block = &self.0[height];
        let (id, header, height) = (block.id, block.header, height as u64);
        BlockView { id, header, height, weight: Work::from(height), extra: &block.extra }
    }
}

impl ChainView for Chain {
    fn block(&self, id: &Id) -> Result<BlockView<'_>, Missing> {
        let height = self.0.iter().rposition(|block| block.id == *id).ok_or(Missing(*id))?;
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

    fn stakes(&self, at: &Id) -> Result<Vec<(Address, Amount)>, Missing> {
        Ok(self.0[self.block(at)?.height as usize].stakes.clone())
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
