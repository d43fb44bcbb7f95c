//! Consensus plugins that misbehave as soon as they are asked for their agent's first duty.

use fika_core::address::Address;
use fika_core::agent::{Agent, Ctx};
use fika_core::consensus::Consensus;
use fika_core::env::Env;
use fika_core::plugin::export::compiled;
use fika_core::plugin::{Descriptor, Plugin};
use fika_core::reject::Reject;
use fika_core::view::{BlockView, ChainView};

#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NoParams {}

macro_rules! bad {
    ($type:ident $agent:ident $name:literal $act:block) => {
        pub(crate) struct $type;
        struct $agent;

        impl Plugin for $type {
            const NAME: &'static str = $name;
            const ABOUT: &'static str = "for a test";
            type Params = NoParams;
            fn new(_: NoParams, _: &Env) -> Result<Self, String> {
                Ok($type)
            }
        }

        impl Consensus for $type {
            fn check(&self, _: &BlockView<'_>, _: &BlockView<'_>, _: &dyn ChainView) -> Result<(), Reject> {
                Ok(())
            }
            fn agent(&self, _: Address) -> Box<dyn Agent> {
                Box::new($agent)
            }
        }

        impl Agent for $agent {
            fn on_tip(&mut self, _: &BlockView<'_>, _: &mut Ctx<'_>) {
                $act
            }
        }
    };
}

bad!(Hangs HangingAgent "hangs" {
    loop {
        std::thread::park();
    }
});
bad!(Panics PanickingAgent "panics" { panic!("a broken agent") });

pub(crate) const HANGS: Descriptor = compiled::consensus::<Hangs>();
pub(crate) const PANICS: Descriptor = compiled::consensus::<Panics>();
