//! Sealed fragments: the NJF1 format, keys, shelves and their check.
