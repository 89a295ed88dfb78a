//! Who must be told, and how.

pub mod trouble;

pub use trouble::Trouble;
