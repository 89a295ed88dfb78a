//! The `dozvon` command.
fn main() {}
