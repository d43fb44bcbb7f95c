//! A stack machine for spending conditions, in the shape of Bitcoin's script.
