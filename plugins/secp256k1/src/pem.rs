//! Key files: SEC 1's `ECPrivateKey` (RFC 5915) in PEM.

use fika_core::keys::KeyPair;
use sec1::der::asn1::ObjectIdentifier;
use sec1::der::{Decode, EncodePem, SecretDocument};
use sec1::pem::LineEnding;
use sec1::{EcParameters, EcPrivateKey};

/// secp256k1's name in SEC 2.
const CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");
/// The name of the PEM block.
const LABEL: &str = "EC PRIVATE KEY";

/// The file for `pair`.
pub(crate) fn write(pair: &KeyPair) -> String {
    EcPrivateKey {
        private_key: &pair.secret,
        parameters: Some(EcParameters::NamedCurve(CURVE)),
        public_key: Some(&pair.public),
    }
    .to_pem(LineEnding::LF)
    .expect("a key fits into any file")
}

/// The secret key and, if the file holds one, the public key.
pub(crate) fn read(text: &str) -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
    let (label, document) =
        SecretDocument::from_pem(text).map_err(|error| format!("expected a PEM block named {LABEL}: {error}"))?;
    if label != LABEL {
        return Err(format!("expected a PEM block named {LABEL}, found {label}"));
    }
    let key = EcPrivateKey::from_der(document.as_bytes())
        .map_err(|error| format!("expected an elliptic curve private key: {error}"))?;
    match key.parameters {
        Some(EcParameters::NamedCurve(CURVE)) => Ok((key.private_key.to_vec(), key.public_key.map(<[u8]>::to_vec))),
        Some(EcParameters::NamedCurve(other)) => {
            Err(format!("expected a key on secp256k1 ({CURVE}), found curve {other}"))
        }
        None => Err("expected a key that names its curve".into()),
    }
}
