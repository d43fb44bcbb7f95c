//! The rules that can be on or off, as bits of `flags`, with the values and names that Bitcoin Core gives them.

/// BIP 16: a lock `HASH160 <hash> EQUAL` stands for the script with that hash.
pub const P2SH: u32 = 1 << 0;
/// Signatures, hash types and keys must be in their defined encodings.
pub const STRICTENC: u32 = 1 << 1;
/// BIP 66: signatures must be in strict DER encoding.
pub const DERSIG: u32 = 1 << 2;
/// BIP 62, rule 5: S must be in the lower half.
pub const LOW_S: u32 = 1 << 3;
/// BIP 147: the element that `CHECKMULTISIG` drops must be empty.
pub const NULLDUMMY: u32 = 1 << 4;
/// BIP 62, rule 2: unlocking scripts only push.
pub const SIGPUSHONLY: u32 = 1 << 5;
/// BIP 62, rules 3 and 4: pushes and numbers in their shortest form.
pub const MINIMALDATA: u32 = 1 << 6;
/// `NOP1` and `NOP4` to `NOP10` fail.
pub const DISCOURAGE_UPGRADABLE_NOPS: u32 = 1 << 7;
/// BIP 62, rule 6: exactly one element is left at the end.
pub const CLEANSTACK: u32 = 1 << 8;
/// BIP 65: absolute time locks.
pub const CHECKLOCKTIMEVERIFY: u32 = 1 << 9;
/// BIP 112: relative time locks.
pub const CHECKSEQUENCEVERIFY: u32 = 1 << 10;
/// BIP 146: signatures that fail must be empty.
pub const NULLFAIL: u32 = 1 << 14;
/// No rule of its own. Names the empty set, because flags of 0 mean the chain's own.
pub const BARE: u32 = 1 << 31;

/// Every rule with its name.
pub const NAMES: &[(&str, u32)] = &[
    ("P2SH", P2SH),
    ("STRICTENC", STRICTENC),
    ("DERSIG", DERSIG),
    ("LOW_S", LOW_S),
    ("NULLDUMMY", NULLDUMMY),
    ("SIGPUSHONLY", SIGPUSHONLY),
    ("MINIMALDATA", MINIMALDATA),
    ("DISCOURAGE_UPGRADABLE_NOPS", DISCOURAGE_UPGRADABLE_NOPS),
    ("CLEANSTACK", CLEANSTACK),
    ("CHECKLOCKTIMEVERIFY", CHECKLOCKTIMEVERIFY),
    ("CHECKSEQUENCEVERIFY", CHECKSEQUENCEVERIFY),
    ("NULLFAIL", NULLFAIL),
];

/// The flags that turn on the named rules and no others.
///
/// # Errors
/// Names the rule that does not exist.
pub fn flags<S: AsRef<str>>(names: &[S]) -> Result<u32, String> {
    names.iter().try_fold(BARE, |flags, name| {
        let name = name.as_ref();
        let rule = NAMES.iter().find(|(known, _)| *known == name);
        rule.map(|(_, bit)| flags | bit).ok_or_else(|| {
            let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            format!("expected one of {}, found {name:?}", known.join(", "))
        })
    })
}

/// The bits that do not name a rule.
pub(crate) fn unknown(flags: u32) -> u32 {
    NAMES.iter().fold(flags & !BARE, |left, (_, bit)| left & !bit)
}
