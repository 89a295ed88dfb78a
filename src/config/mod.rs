//! What an administrator states in files.
pub mod humane;
