//! The CRM adapters against servers of the tests on loopback.
//!
//! `amo_writing` tests what is written into amoCRM, `amo_troubles` its failures, `tokens` the renewal of tokens
//! (Bitrix24's too), `generic` any other CRM, `http` the HTTP client.

mod amo_troubles;
mod amo_writing;
mod generic;
mod http;
mod support;
mod tokens;
