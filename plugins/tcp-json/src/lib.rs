//! Messages as readable JSON, one per line.
