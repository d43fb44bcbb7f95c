//! Transactions that spend coins, in a compact encoding.
