//! The CRM adapters against servers of our own on loopback.
//!
//! `amo_writing` is what amoCRM is told and that it is told once, `amo_troubles` what it does to us, `tokens` how they
//! are renewed (Bitrix24's, too), `generic` any other CRM, `http` how each
//! of them is spoken to.

mod amo_troubles;
mod amo_writing;
mod generic;
mod http;
mod support;
mod tokens;
