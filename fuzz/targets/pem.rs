//! Key files of all schemes.

#![no_main]

use std::sync::LazyLock;

use fika_core::keys::KeyScheme;
use fika_core::plugin::Faults;
use fika_core::testing::env;
use libfuzzer_sys::fuzz_target;

static SCHEMES: LazyLock<[Box<dyn KeyScheme>; 3]> = LazyLock::new(|| {
    let faults = Faults::new();
    let env = env(Default::default());
    [
        fika_rsa::PLUGIN.keys("bits = 1024", &env, &faults).expect("it fits"),
        fika_secp256k1::PLUGIN.keys("", &env, &faults).expect("it fits"),
        fika_toy::PLUGIN.keys("", &env, &faults).expect("it fits"),
    ]
});

fuzz_target!(|text: &str| {
    for scheme in &*SCHEMES {
        if let Ok(pair) = scheme.from_pem(text) {
            let again = scheme.from_pem(&scheme.to_pem(&pair)).expect("what was written can be read");
            assert_eq!(again.public, pair.public);
        }
        let _ = scheme.verify(0, text.as_bytes(), &Default::default(), text.as_bytes());
        let _ = scheme.address(text.as_bytes());
    }
});
