//! Networks of nodes under virtual time.

mod assertions;
mod links;
mod lockstep;
mod setup;
mod worlds;

pub use lockstep::Network;
pub(crate) use setup::Maker;
pub use setup::Setup;
pub(crate) use worlds::{Accepted, Receiver, Tie};
