//! What the comparison makes of what it has seen: pure, so that it is tested without a FreeSWITCH.

pub mod calls;
pub mod event;
pub mod machine;
pub mod plot;
pub mod quantile;
pub mod table;
