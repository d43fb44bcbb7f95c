//! What a cable does to what passes it, the same in both worlds: to messages in the simulator, to packets live.

mod cable;
mod latency;
mod sampler;

pub(crate) use cable::{Cable, CableChange, narrowest};
pub(crate) use latency::Latency;
pub(crate) use sampler::{Sampler, unit};
