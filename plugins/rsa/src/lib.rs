//! RSA signatures, in PEM files that OpenSSL reads.
