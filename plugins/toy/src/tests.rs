use fika_core::env::ChainParams;
use fika_core::testing;

use super::*;

fn env() -> Env {
    testing::env(ChainParams::default())
}

fn toy() -> Toy {
    Toy::new(Params::default(), &env()).unwrap()
}

#[test]
fn the_promises_of_a_key_scheme_are_kept() {
    testing::keys::promises(&toy());
    let short = Params { key_bytes: 20, signature_bytes: 32 };
    testing::keys::promises(&Toy::new(short, &env()).unwrap());
}

#[test]
fn signatures_have_the_sizes_of_secp256k1() {
    let toy = toy();
    let pair = toy.generate(&Id([1; 32]));
    assert_eq!((pair.public.len(), toy.sign(0, &pair.secret, &Id::ZERO).unwrap().len()), (33, 64));
    assert!(toy.sign(2, &pair.secret, &Id::ZERO).unwrap_err().contains("found 2"));
    assert!(toy.sign(0, &[1], &Id::ZERO).is_err());
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
