//! Operations: Bitcoin's values and names.

macro_rules! opcodes {
    ($($name:ident = $value:literal $text:literal,)*) => {
        $(#[doc = concat!("`", $text, "`")] pub const $name: u8 = $value;)*

        /// Every named operation with its name in the assembler's notation, in the order of values.
        pub const NAMES: &[(u8, &str)] = &[$(($value, $text),)*];
    };
}

opcodes! {
    PUSHDATA1 = 0x4c "PUSHDATA1",
    PUSHDATA2 = 0x4d "PUSHDATA2",
    PUSHDATA4 = 0x4e "PUSHDATA4",
    RESERVED = 0x50 "RESERVED",
    NOP = 0x61 "NOP",
    VER = 0x62 "VER",
    IF = 0x63 "IF",
    NOTIF = 0x64 "NOTIF",
    VERIF = 0x65 "VERIF",
    VERNOTIF = 0x66 "VERNOTIF",
    ELSE = 0x67 "ELSE",
    ENDIF = 0x68 "ENDIF",
    VERIFY = 0x69 "VERIFY",
    RETURN = 0x6a "RETURN",
    TOALTSTACK = 0x6b "TOALTSTACK",
    FROMALTSTACK = 0x6c "FROMALTSTACK",
    DROP2 = 0x6d "2DROP",
    DUP2 = 0x6e "2DUP",
    DUP3 = 0x6f "3DUP",
    OVER2 = 0x70 "2OVER",
    ROT2 = 0x71 "2ROT",
    SWAP2 = 0x72 "2SWAP",
    IFDUP = 0x73 "IFDUP",
    DEPTH = 0x74 "DEPTH",
    DROP = 0x75 "DROP",
    DUP = 0x76 "DUP",
    NIP = 0x77 "NIP",
    OVER = 0x78 "OVER",
    PICK = 0x79 "PICK",
    ROLL = 0x7a "ROLL",
    ROT = 0x7b "ROT",
    SWAP = 0x7c "SWAP",
    TUCK = 0x7d "TUCK",
    CAT = 0x7e "CAT",
    SUBSTR = 0x7f "SUBSTR",
    LEFT = 0x80 "LEFT",
    RIGHT = 0x81 "RIGHT",
    SIZE = 0x82 "SIZE",
    INVERT = 0x83 "INVERT",
    AND = 0x84 "AND",
    OR = 0x85 "OR",
    XOR = 0x86 "XOR",
    EQUAL = 0x87 "EQUAL",
    EQUALVERIFY = 0x88 "EQUALVERIFY",
    RESERVED1 = 0x89 "RESERVED1",
    RESERVED2 = 0x8a "RESERVED2",
    ADD1 = 0x8b "1ADD",
    SUB1 = 0x8c "1SUB",
    MUL2 = 0x8d "2MUL",
    DIV2 = 0x8e "2DIV",
    NEGATE = 0x8f "NEGATE",
    ABS = 0x90 "ABS",
    NOT = 0x91 "NOT",
    NOTEQUAL0 = 0x92 "0NOTEQUAL",
    ADD = 0x93 "ADD",
    SUB = 0x94 "SUB",
    MUL = 0x95 "MUL",
    DIV = 0x96 "DIV",
    MOD = 0x97 "MOD",
    LSHIFT = 0x98 "LSHIFT",
    RSHIFT = 0x99 "RSHIFT",
    BOOLAND = 0x9a "BOOLAND",
    BOOLOR = 0x9b "BOOLOR",
    NUMEQUAL = 0x9c "NUMEQUAL",
    NUMEQUALVERIFY = 0x9d "NUMEQUALVERIFY",
    NUMNOTEQUAL = 0x9e "NUMNOTEQUAL",
    LESSTHAN = 0x9f "LESSTHAN",
    GREATERTHAN = 0xa0 "GREATERTHAN",
    LESSTHANOREQUAL = 0xa1 "LESSTHANOREQUAL",
    GREATERTHANOREQUAL = 0xa2 "GREATERTHANOREQUAL",
    MIN = 0xa3 "MIN",
    MAX = 0xa4 "MAX",
    WITHIN = 0xa5 "WITHIN",
    RIPEMD160 = 0xa6 "RIPEMD160",
    SHA1 = 0xa7 "SHA1",
    SHA256 = 0xa8 "SHA256",
    HASH160 = 0xa9 "HASH160",
    HASH256 = 0xaa "HASH256",
    CODESEPARATOR = 0xab "CODESEPARATOR",
    CHECKSIG = 0xac "CHECKSIG",
    CHECKSIGVERIFY = 0xad "CHECKSIGVERIFY",
    CHECKMULTISIG = 0xae "CHECKMULTISIG",
    CHECKMULTISIGVERIFY = 0xaf "CHECKMULTISIGVERIFY",
    NOP1 = 0xb0 "NOP1",
    CHECKLOCKTIMEVERIFY = 0xb1 "CHECKLOCKTIMEVERIFY",
    CHECKSEQUENCEVERIFY = 0xb2 "CHECKSEQUENCEVERIFY",
    NOP4 = 0xb3 "NOP4",
    NOP5 = 0xb4 "NOP5",
    NOP6 = 0xb5 "NOP6",
    NOP7 = 0xb6 "NOP7",
    NOP8 = 0xb7 "NOP8",
    NOP9 = 0xb8 "NOP9",
    NOP10 = 0xb9 "NOP10",
}

/// Pushes the empty element.
pub const N0: u8 = 0x00;
/// Pushes -1.
pub const NEGATE1: u8 = 0x4f;
/// Pushes 1; the values up to [`N16`] push the numbers up to 16.
pub const N1: u8 = 0x51;
/// Pushes 16: the last operation that only pushes.
pub const N16: u8 = 0x60;

/// What people call `opcode`; `None` for pushes of data and for values that mean nothing.
pub fn name(opcode: u8) -> Option<&'static str> {
    NAMES.binary_search_by_key(&opcode, |(value, _)| *value).ok().map(|at| NAMES[at].1)
}

/// The operation called `name`, with or without a leading `OP_`.
pub fn by_name(name: &str) -> Option<u8> {
    let name = name.strip_prefix("OP_").unwrap_or(name);
    match name {
        "FALSE" => Some(N0),
        "TRUE" => Some(N1),
        "1NEGATE" => Some(NEGATE1),
        _ => NAMES.iter().find(|(_, text)| *text == name).map(|(value, _)| *value),
    }
}

/// Operations that Bitcoin switched off: a script that holds one fails, even where it is not executed.
pub(crate) fn is_disabled(opcode: u8) -> bool {
    matches!(opcode, CAT..=RIGHT | INVERT..=XOR | MUL2 | DIV2 | MUL..=RSHIFT)
}
