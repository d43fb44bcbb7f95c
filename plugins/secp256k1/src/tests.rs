use fika_core::hash::{parse_hex, sha256, to_hex};
use fika_core::testing;
use fika_core::testing::keys::openssl;

use super::*;

const SCHEME: Secp256k1 = Secp256k1;

fn hex(text: &str) -> Vec<u8> {
    parse_hex(text).unwrap()
}

/// A widely published RFC 6979 vector for this curve: secret 1, message "Satoshi Nakamoto".
#[test]
fn ecdsa_nonces_follow_rfc_6979() {
    let mut secret = [0; 32];
    secret[31] = 1;
    let signature = SCHEME.sign(0, &secret, &sha256(&[b"Satoshi Nakamoto"])).unwrap();
    let expected = "3045022100934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8\
                    02202442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5";
    assert_eq!(to_hex(&signature), expected);
}

/// The first test vector of BIP 340.
#[test]
fn schnorr_signatures_are_those_of_bip_340() {
    let mut secret = [0; 32];
    secret[31] = 3;
    let signature = SCHEME.sign(1, &secret, &Id::ZERO).unwrap();
    let expected = "e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca8215\
                    25f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0";
    assert_eq!(to_hex(&signature), expected);
    let x = hex("f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9");
    assert!(SCHEME.verify(1, &x, &Id::ZERO, &signature));
    assert!(SCHEME.verify(1, &[&[2], &x[..]].concat(), &Id::ZERO, &signature));
}

#[test]
fn the_promises_of_a_key_scheme_are_kept() {
    testing::keys::promises(&SCHEME);
}

#[test]
fn keys_never_change() {
    let pair = SCHEME.generate(&Id([1; 32]));
    assert_eq!(to_hex(&pair.public), "0314b67801aca2994e26b6ce285eabda1d3c740706dde9354e2c4c38b2109d9dd5");
}

#[test]
fn many_keys_are_made_of_each_other_up_to_the_order_of_the_curve() {
    let all = SCHEME.generate_many(7, 5, 20);
    for (pair, n) in all.iter().zip(5..) {
        assert!(SCHEME.generate_many(7, n, 1) == [pair.clone()]);
        assert!(super::pair(secret_bytes(&pair.secret).unwrap()).unwrap() == *pair);
    }
    // The order of the curve less 3: zero comes after three more.
    let order = hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd036413e");
    assert!(family(&order, 0, 3).is_some_and(|pairs| pairs.len() == 3));
    assert!(family(&order, 0, 4).is_none() && family(&order, 3, 1).is_none());
}

/// The other solution of the same equation, which anyone can compute, is not a signature here.
#[test]
fn a_high_s_is_refused() {
    let (pair, digest) = (SCHEME.generate(&Id([2; 32])), Id([3; 32]));
    let low = ecdsa::Signature::from_der(&SCHEME.sign(0, &pair.secret, &digest).unwrap()).unwrap().serialize_compact();
    let s = SecretKey::from_secret_bytes(low[32..].try_into().unwrap()).unwrap().negate();
    let high = [&low[..32], s.as_secret_bytes()].concat();
    let high = ecdsa::Signature::from_compact(&high).unwrap().serialize_der();
    assert!(!SCHEME.verify(0, &pair.public, &digest, &high));
}

#[test]
fn wrong_secrets_and_kinds_are_named() {
    let refused = |kind, secret: &[u8]| SCHEME.sign(kind, secret, &Id::ZERO).unwrap_err();
    assert_eq!(refused(0, &[1]), "expected a secret key of 32 bytes, found 1");
    assert_eq!(refused(0, &[0; 32]), "expected a secret key between 0 and the order of the curve");
    assert_eq!(refused(7, &[1; 32]), "expected signature kind 0 (ecdsa) or 1 (schnorr), found 7");
}

#[test]
fn foreign_key_files_are_refused_in_one_line() {
    let pair = SCHEME.generate(&Id([1; 32]));
    let other = SCHEME.generate(&Id([2; 32]));
    let mixed = pem::write(&KeyPair { secret: pair.secret.clone(), public: other.public });
    assert!(SCHEME.from_pem(&mixed).err().unwrap().contains("belongs to the secret key"));
    let renamed = SCHEME.to_pem(&pair).replace("EC PRIVATE", "PRIVATE");
    assert!(SCHEME.from_pem(&renamed).err().unwrap().ends_with("found PRIVATE KEY"));
}

#[test]
fn openssl_reads_our_files_and_we_read_its() {
    let pair = SCHEME.generate(&Id([4; 32]));
    let Some(said) = openssl(&["ec", "-check", "-text", "-noout"], &SCHEME.to_pem(&pair)) else { return };
    assert!(said.contains("secp256k1") && said.contains("valid"), "{said}");
    let written = openssl(&["ec", "-conv_form", "uncompressed"], &SCHEME.to_pem(&pair)).unwrap();
    let start = written.find("-----BEGIN").unwrap();
    let end = written.rfind("-----\n").unwrap() + 6;
    assert!(SCHEME.from_pem(&written[start..end]) == Ok(pair), "{written}");
}

/// A key in a form that Schnorr signatures know is no key where the curve has no such point.
#[test]
fn random_points_are_refused() {
    let draws = &mut testing::Draws::new(1);
    for kind in (0..200).map(|n| n % 2) {
        let (x, s) = (draws.id(), [draws.id().0, draws.id().0].concat());
        assert!(!SCHEME.verify(kind, &[&[2], &x.0[..]].concat(), &Id::ZERO, &s));
    }
}
