use super::*;

fn scheme() -> __Name__ {
    __Name__ { signature_bytes: Params::default().signature_bytes }
}

#[test]
fn a_signature_holds_for_its_key_and_digest_alone() {
    let scheme = scheme();
    let (pair, other) = (scheme.generate(&Id([1; 32])), scheme.generate(&Id([2; 32])));
    let digest = Id([3; 32]);
    let signature = scheme.sign(0, &pair.secret, &digest).unwrap();
    assert!(scheme.verify(0, &pair.public, &digest, &signature));
    assert!(!scheme.verify(0, &other.public, &digest, &signature));
    assert!(!scheme.verify(0, &pair.public, &Id([4; 32]), &signature));
    assert!(!scheme.verify(1, &pair.public, &digest, &signature));
    assert!(!scheme.verify(0, &pair.public, &digest, &signature[1..]));
    assert!(scheme.sign(1, &pair.secret, &digest).is_err());
}

#[test]
fn a_pair_comes_back_from_its_file_and_from_its_seed() {
    let scheme = scheme();
    let pair = scheme.generate(&Id([1; 32]));
    assert!(scheme.from_pem(&scheme.to_pem(&pair)).unwrap() == pair);
    assert!(scheme.generate(&Id([1; 32])) == pair);
    assert!(scheme.from_pem("nothing").is_err());
}
