//! Public keys of many secret keys at once, in a fifth of the time that one by one takes: simulations make a hundred
//! thousand.
//!
//! A public key is the sum of one multiple of the generator for each byte of the secret key, all of which are in a
//! table. Adding two points takes an inversion; one serves for all keys of a batch (Montgomery 1987).
//!
//! Time and memory accesses tell the secrets to whoever shares the machine, so this is for keys that are made of a seed
//! which anyone may know.

use std::sync::LazyLock;

use fika_core::keys::KeyPair;

use super::field::Field;
use super::{public_key, serialized};

/// From so many keys on the table is worth making.
pub(crate) const WORTH_FROM: usize = 64;

/// So many are worked on together.
const BATCH: usize = 512;

/// A point of the curve.
#[derive(Clone, Copy)]
struct Point {
    x: Field,
    y: Field,
}

/// By place of a byte in the secret key, the last one first: the multiples of the generator that the byte's values
/// stand for, from 1 on.
static MULTIPLES: LazyLock<Vec<Vec<Point>>> = LazyLock::new(|| {
    let multiple = |place: usize, byte: u8| {
        let mut secret = [0; 32];
        secret[31 - place] = byte;
        let key = public_key(&secret).expect("it is between 0 and the order");
        let form: [u8; 65] = serialized(&key);
        let (x, y) = form[1..].split_at(32);
        let [x, y] = [x, y].map(|bytes| Field::from_be_bytes(bytes.try_into().expect("32 bytes")));
        Point { x, y }
    };
    let mut multiples: Vec<Vec<Point>> = (0..32).map(|place| vec![multiple(place, 1), multiple(place, 2)]).collect();
    while multiples[0].len() < 255 {
        let mut last: Vec<Point> = multiples.iter().map(|multiples| multiples[multiples.len() - 1]).collect();
        add(&mut last, |place| Some(multiples[place][0]));
        multiples.iter_mut().zip(last).for_each(|(multiples, next)| multiples.push(next));
    }
    multiples
});

/// Adds a point to each of `sums` where there is one: not the same point, and not its opposite.
fn add(sums: &mut [Point], other: impl Fn(usize) -> Option<Point>) {
    let mut product = Field::ONE;
    // How far each is from the other point, and the product of all these before it.
    let apart = |(n, sum): (usize, &Point)| {
        let apart = other(n).map_or(Field::ONE, |other| other.x.minus(sum.x));
        let before = product;
        product = before.times(apart);
        (apart, before)
    };
    let all: Vec<(Field, Field)> = sums.iter().enumerate().map(apart).collect();
    let mut inverse = product.inverse();
    for (n, (apart, before)) in all.into_iter().enumerate().rev() {
        let of_this = inverse.times(before);
        inverse = inverse.times(apart);
        let (Some(other), Point { x, y }) = (other(n), sums[n]) else { continue };
        let slope = other.y.minus(y).times(of_this);
        let sum = slope.times(slope).minus(x).minus(other.x);
        sums[n] = Point { x: sum, y: slope.times(x.minus(sum)).minus(y) };
    }
}

/// The pairs of these secret keys, in their order. Each is between 0 and the order.
pub(crate) fn pairs(secrets: &[[u8; 32]]) -> Vec<KeyPair> {
    secrets.chunks(BATCH).flat_map(batch).collect()
}

fn batch(secrets: &[[u8; 32]]) -> impl Iterator<Item = KeyPair> {
    let multiple = |n: usize, place: usize| {
        let byte = secrets[n][31 - place];
        Some(MULTIPLES[place][usize::from(byte.checked_sub(1)?)])
    };
    // What has been added is below the multiple that comes next, and both together are below the order: so they are
    // neither the same point nor opposite ones.
    let first = |secret: &[u8; 32]| secret.iter().rev().position(|byte| *byte > 0).expect("it is not 0");
    let first: Vec<usize> = secrets.iter().map(first).collect();
    let begun = first.iter().enumerate().map(|(n, place)| multiple(n, *place).expect("the byte is not 0"));
    let mut sums: Vec<Point> = begun.collect();
    for place in 1..32 {
        add(&mut sums, |n| multiple(n, place).filter(|_| place > first[n]));
    }
    secrets.iter().zip(sums).map(|(secret, Point { x, y })| {
        let sign = 2 + y.to_be_bytes()[31] % 2;
        KeyPair { secret: secret.to_vec(), public: [&[sign], &x.to_be_bytes()[..]].concat() }
    })
}
