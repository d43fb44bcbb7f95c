use std::sync::Arc;

use fika_core::env::ChainParams;
use fika_core::keys::{NoKeys, VerifyJob};
use proptest::prelude::*;

use super::*;

fn env() -> Env {
    Env { chain: ChainParams::default(), keys: Arc::new(NoKeys) }
}

fn toy() -> Toy {
    Toy::new(Params::default(), &env()).unwrap()
}

#[test]
fn signs_and_has_the_sizes_of_secp256k1() {
    let (toy, digest) = (toy(), Id([7; 32]));
    let pair = toy.generate(&Id([1; 32]));
    let signature = toy.sign(0, &pair.secret, &digest).unwrap();
    assert_eq!((pair.public.len(), signature.len()), (33, 64));
    assert!(toy.verify(0, &pair.public, &digest, &signature));
    assert!(!toy.verify(1, &pair.public, &digest, &signature));
    assert!(!toy.verify(0, &pair.public, &Id([8; 32]), &signature));
    assert!(!toy.verify(0, &toy.generate(&Id([2; 32])).public, &digest, &signature));
    assert!(toy.sign(2, &pair.secret, &digest).unwrap_err().contains("found 2"));
    assert!(toy.sign(0, &[1], &digest).is_err());
}

#[test]
fn keys_never_change() {
    let pair = toy().generate(&Id([1; 32]));
    assert_eq!(to_hex(&pair.public[..KEY_LEN]), "f7f17926e1dbd7f0c61fc0d0337768eb16bcd800");
}

#[test]
fn lengths_out_of_range_name_their_key() {
    let refused = |params| Toy::new(params, &env()).err().unwrap();
    assert!(refused(Params { key_bytes: 19, ..Params::default() }).starts_with("key_bytes: expected 20 to 4096"));
    assert!(refused(Params { signature_bytes: 5000, ..Params::default() }).starts_with("signature_bytes"));
}

proptest! {
    #[test]
    fn any_change_is_noticed(seed: [u8; 32], digest: [u8; 32], at in 0usize..64, flip in 1u8..) {
        let (toy, digest) = (toy(), Id(digest));
        let pair = toy.generate(&Id(seed));
        let mut signature = toy.sign(0, &pair.secret, &digest).unwrap();
        signature[at] ^= flip;
        prop_assert!(!toy.verify(0, &pair.public, &digest, &signature));
        signature[at] ^= flip;
        let mut key = pair.public;
        key[at % 33] ^= flip;
        prop_assert!(!toy.verify(0, &key, &digest, &signature));
    }

    #[test]
    fn random_bytes_are_refused_alone_and_in_batches(kind: u8, key: Vec<u8>, digest: [u8; 32], signature: Vec<u8>) {
        let (toy, digest) = (toy(), Id(digest));
        prop_assert!(!toy.verify(kind, &key, &digest, &signature));
        let pair = toy.generate(&digest);
        let good = toy.sign(0, &pair.secret, &digest).unwrap();
        let jobs = [
            VerifyJob { kind, key: &key, digest: &digest, signature: &signature },
            VerifyJob { kind: 0, key: &pair.public, digest: &digest, signature: &good },
        ];
        prop_assert_eq!(toy.verify_many(&jobs), vec![false, true]);
    }

    #[test]
    fn pem_files_come_back(seed: [u8; 32], text: String) {
        let toy = toy();
        let pair = toy.generate(&Id(seed));
        prop_assert!(toy.from_pem(&toy.to_pem(&pair)) == Ok(pair));
        prop_assert!(toy.from_pem(&text).is_err());
    }
}
