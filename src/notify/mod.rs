//! Who must be told, and how.

pub mod crm;
pub mod trouble;

pub use trouble::Trouble;
