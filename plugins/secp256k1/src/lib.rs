//! ECDSA and Schnorr signatures over secp256k1.
