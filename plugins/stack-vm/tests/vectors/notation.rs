//! The words of the table beyond the assembler's.
//!
//! - `word*N`: the word, N times; `<xx*N>`: the shortest push of these bytes, N times.
//! - `P2SH { ... }` as the whole lock: the lock that pays to the hash of this script, and
//!   `<REDEEM>`: a push of the script.
//! - `<K1>`: the public key whose secret key is 32 bytes of 1, and so on; `<K1.long>` in 65 bytes,
//!   `<K1.hybrid>` in the 65 bytes that tell twice whether Y is odd; `<K1.hash>`: the HASH160 of the short form.
//! - `<S1>`: a signature by key 1 with hash type `ALL`; `<S1.83>` with hash type 0x83; `<S1.high>` with
//!   the larger S; `<S1.padded>` with a needless zero before R. It signs the redeeming script where there
//!   is one, or the lock; `<S1@2>` what is behind its second `CODESEPARATOR`; `<S1@unlock>` the
//!   unlocking script without its signatures. A lock cannot hold a signature, which would sign it.

use fika_core::hash::{hash160, parse_hex};
use fika_core::script::{InputFacts, Script, SpendContext};
use fika_stack_vm::{SIGHASH_ALL, StackVm, opcode, push, template};
use secp256k1::{Message, SecretKey};

use crate::transactions::{Spending, instructions};

/// What the names of one case stand for.
struct Names<'a> {
    vm: &'a StackVm,
    redeem: Option<Vec<u8>>,
    signing: Option<Signing>,
}

/// What signatures sign.
struct Signing {
    spending: Spending,
    unlock: Vec<u8>,
    code: Vec<u8>,
}

/// Reads both scripts of a case: the unlocking one, then the locking one.
pub(crate) fn scripts(vm: &StackVm, unlock: &str, lock: &str, facts: InputFacts) -> Result<(Vec<u8>, Vec<u8>), String> {
    if lock.contains("<S") {
        return Err("expected no signature in the lock".into());
    }
    let mut names = Names { vm, redeem: None, signing: None };
    let lock = match lock.strip_prefix("P2SH {").and_then(|rest| rest.strip_suffix('}')) {
        Some(redeem) => {
            let redeem = names.script(redeem)?;
            let lock = template::pay_to_script_hash(&redeem);
            names.redeem = Some(redeem);
            lock
        }
        None => names.script(lock)?,
    };
    let signing = Signing {
        spending: Spending::new(&lock, facts),
        unlock: names.script(unlock)?,
        code: names.redeem.clone().unwrap_or_else(|| lock.clone()),
    };
    names.signing = Some(signing);
    Ok((names.script(unlock)?, lock))
}

impl Names<'_> {
    fn script(&mut self, text: &str) -> Result<Vec<u8>, String> {
        let words = text.split_whitespace().map(|word| self.word(word).map_err(|why| format!("{why} in {word:?}")));
        Ok(words.collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn word(&mut self, word: &str) -> Result<Vec<u8>, String> {
        if let Some((word, times)) = repeated(word) {
            return Ok(self.word(word)?.repeat(times));
        }
        let Some(name) = word.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else {
            return self.vm.assemble(word);
        };
        let mut script = Vec::new();
        if let Some(data) = self.data(name)? {
            push(&mut script, &data);
        }
        Ok(script)
    }

    /// What a push holds; `None` for a signature as long as nobody knows what it signs.
    fn data(&mut self, name: &str) -> Result<Option<Vec<u8>>, String> {
        if let Some((hex, times)) = repeated(name) {
            return Ok(Some(parse_hex(hex)?.repeat(times)));
        }
        Ok(match name.chars().next() {
            Some('R') if name == "REDEEM" => Some(self.redeem.clone().ok_or("expected a lock P2SH { ... }")?),
            Some('K') => Some(key(&name[1..])?),
            Some('S') => self.signing.as_mut().map(|signing| signing.signature(&name[1..])).transpose()?,
            _ => Some(parse_hex(name)?),
        })
    }
}

fn repeated(word: &str) -> Option<(&str, usize)> {
    let (word, times) = word.rsplit_once('*')?;
    Some((word, times.parse().ok()?))
}

fn secret(digits: &str) -> Result<SecretKey, String> {
    let number: u8 = digits.parse().map_err(|_| format!("expected the number of a key, found {digits:?}"))?;
    SecretKey::from_secret_bytes([number; 32]).map_err(|error| error.to_string())
}

fn key(name: &str) -> Result<Vec<u8>, String> {
    let (number, form) = name.split_once('.').unwrap_or((name, ""));
    let key = secret(number)?.public_key();
    let (short, mut long) = (key.serialize(), key.serialize_uncompressed());
    Ok(match form {
        "" => short.to_vec(),
        "hash" => hash160(&short).to_vec(),
        "long" => long.to_vec(),
        "hybrid" => {
            long[0] = short[0] + 4;
            long.to_vec()
        }
        _ => return Err(format!("expected long, hybrid or hash, found {form:?}")),
    })
}

impl Signing {
    fn signature(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let (name, place) = name.split_once('@').unwrap_or((name, "0"));
        let code = match place {
            "unlock" => self.unlock.clone(),
            number => behind(&self.code, number.parse().map_err(|_| "expected a number or unlock after @")?)?,
        };
        let mut forms = name.split('.');
        let secret = secret(forms.next().unwrap_or_default())?;
        let (mut hash_type, mut high, mut padded) = (SIGHASH_ALL, false, false);
        for form in forms {
            match form {
                "high" => high = true,
                "padded" => padded = true,
                _ => hash_type = u8::from_str_radix(form, 16).map_err(|_| "expected high, padded or a hash type")?,
            }
        }
        let digest = self.spending.digest(&[&[hash_type], &code[..]].concat());
        let signature = secret.sign_ecdsa(Message::from_digest(digest.0)).serialize_compact();
        let (mut r, mut s) = (integer(&signature[..32]), integer(&signature[32..]));
        if high {
            let s_bytes = signature[32..].try_into().expect("S has 32 bytes");
            s = integer(&SecretKey::from_secret_bytes(s_bytes).expect("S is in range").negate().to_secret_bytes());
        }
        if padded {
            r.insert(0, 0);
        }
        let integers = [&[2, r.len() as u8], &r[..], &[2, s.len() as u8], &s[..]].concat();
        Ok([&[0x30, integers.len() as u8], &integers[..], &[hash_type]].concat())
    }
}

/// The shortest form of a positive integer in DER.
fn integer(digits: &[u8]) -> Vec<u8> {
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let digits = &digits[zeros..];
    let sign: &[u8] = if digits[0] < 0x80 { &[] } else { &[0] };
    [sign, digits].concat()
}

/// What is behind `count` operations `CODESEPARATOR`.
fn behind(code: &[u8], count: usize) -> Result<Vec<u8>, String> {
    let mut left = count;
    let rest: Vec<&[u8]> = instructions(code)
        .into_iter()
        .skip_while(|instruction| {
            let skip = left > 0;
            left -= usize::from(skip && *instruction == [opcode::CODESEPARATOR]);
            skip
        })
        .collect();
    if left == 0 { Ok(rest.concat()) } else { Err(format!("expected {count} separators")) }
}
