//! A sequence of calls to a key scheme.

use std::fmt::Write;

use fika_core::codec::Encode;
use fika_core::hash::{Id, sha256, to_hex};
use fika_core::keys::{KeyScheme, VerifyJob};

pub(crate) fn record(keys: Box<dyn KeyScheme>) -> String {
    let mut log = String::new();
    let digest = sha256(&[b"digest"]);
    let pairs: Vec<_> = (0u8..2).map(|seed| keys.generate(&Id([seed; 32]))).collect();
    let many = keys.generate_many(3, 1, 2);
    writeln!(log, "many {}", many.iter().map(|pair| to_hex(&pair.to_bytes())).collect::<String>()).unwrap();
    for pair in &pairs {
        writeln!(log, "pair {}", to_hex(&pair.to_bytes())).unwrap();
        writeln!(log, "address {}", keys.address(&pair.public)).unwrap();
        let pem = keys.to_pem(pair);
        writeln!(log, "pem {pem}").unwrap();
        writeln!(log, "back {:?}", keys.from_pem(&pem).map(|pair| pair.to_bytes())).unwrap();
        for kind in 0..3 {
            let signature = keys.sign(kind, &pair.secret, &digest);
            writeln!(log, "signature {kind} {signature:?}").unwrap();
            let Ok(signature) = signature else { continue };
            let wrong = [&signature[..signature.len() - 1], &[signature[signature.len() - 1] ^ 1]].concat();
            let jobs: Vec<VerifyJob<'_>> = [(&signature, &pairs[0]), (&signature, &pairs[1]), (&wrong, pair)]
                .into_iter()
                .map(|(signature, pair)| VerifyJob { kind, key: &pair.public, digest: &digest, signature })
                .collect();
            for VerifyJob { kind, key, digest, signature } in &jobs {
                writeln!(log, "holds {}", keys.verify(*kind, key, digest, signature)).unwrap();
            }
            writeln!(log, "together {:?}", keys.verify_many(&jobs)).unwrap();
        }
    }
    writeln!(log, "none {:?}", keys.verify_many(&[])).unwrap();
    writeln!(log, "bad secret {:?}", keys.sign(0, b"no key", &digest)).unwrap();
    writeln!(log, "bad key {}", keys.verify(0, b"no key", &digest, b"")).unwrap();
    for text in ["", "no PEM", "-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n"] {
        writeln!(log, "bad PEM {:?}", keys.from_pem(text).map(|pair| pair.to_bytes())).unwrap();
    }
    log
}
