//! Compact frames with a handshake, limits, timeouts and bans.
