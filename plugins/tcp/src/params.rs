use fika_core::header::Time;
use serde::{Deserialize, Serialize};

/// The limits and times of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// The longest frame that is sent or accepted, in bytes.
    pub max_frame_bytes: usize,
    /// How long the other end has to say hello before the connection is closed, in milliseconds.
    pub handshake_timeout_ms: Time,
    /// The silence after which a ping is sent, in milliseconds.
    pub ping_interval_ms: Time,
    /// The silence after which the connection is closed, in milliseconds; longer than `ping_interval_ms`.
    pub timeout_ms: Time,
}

/// What each key of [`Params`] means.
pub const PARAMS: &[(&str, &str)] = &[
    ("max_frame_bytes", "longest frame that is sent or accepted, in bytes, 4096 to 67108864"),
    ("handshake_timeout_ms", "time for the other end to say hello, in ms"),
    ("ping_interval_ms", "silence after which a ping is sent, in ms"),
    ("timeout_ms", "silence after which the connection is closed, in ms; more than ping_interval_ms"),
];

impl Default for Params {
    fn default() -> Self {
        Params { max_frame_bytes: 20 << 20, handshake_timeout_ms: 10_000, ping_interval_ms: 30_000, timeout_ms: 90_000 }
    }
}

impl Params {
    /// The same parameters, if every value is allowed.
    ///
    /// # Errors
    /// One line that names the key whose value is not allowed.
    pub fn checked(self) -> Result<Self, String> {
        const DAY: Time = 86_400_000;
        let within = |key: &str, found: u64, least: u64, most: u64| match found {
            n if (least..=most).contains(&n) => Ok(()),
            n => Err(format!("{key}: expected {least} to {most}, found {n}")),
        };
        within("max_frame_bytes", self.max_frame_bytes as u64, 4096, 64 << 20)?;
        within("handshake_timeout_ms", self.handshake_timeout_ms, 1, DAY)?;
        within("ping_interval_ms", self.ping_interval_ms, 1, DAY)?;
        within("timeout_ms", self.timeout_ms, self.ping_interval_ms + 1, 2 * DAY)?;
        Ok(self)
    }
}
