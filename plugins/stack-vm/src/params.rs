//! What an experiment can set, and what bounds a run.

use serde::{Deserialize, Serialize};

/// The plugin's table in an experiment file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// The rules of [`rules`](crate::rules) that are on.
    pub rules: Vec<String>,
    /// The longest script, in bytes.
    pub max_script_bytes: u32,
    /// The longest element, in bytes.
    pub max_element_bytes: u32,
    /// The most operations in a script, pushes not counted, keys of `CHECKMULTISIG` counted. So
    /// also the most signatures that it checks.
    pub max_operations: u32,
    /// The most elements on both stacks.
    pub max_stack: u32,
    /// The most keys of one `CHECKMULTISIG`.
    pub max_multisig_keys: u32,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            rules: ["P2SH", "NULLDUMMY", "CHECKLOCKTIMEVERIFY", "CHECKSEQUENCEVERIFY"].map(String::from).to_vec(),
            max_script_bytes: 10_000,
            max_element_bytes: 520,
            max_operations: 201,
            max_stack: 1_000,
            max_multisig_keys: 20,
        }
    }
}

/// The bounds on time and memory of a run.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_script_bytes: u32,
    pub(crate) max_element_bytes: u32,
    pub(crate) max_operations: u32,
    pub(crate) max_stack: u32,
    pub(crate) max_multisig_keys: u32,
}
