//! Notifications: the relay and its channels against receivers of the tests on loopback.
//!
//! `support` makes a store with a relay and a web receiver. `webhooks` tests failures of receivers, `order` what holds
//! whatever happens (mostly in virtual time), `mail` a mail server that defers, `gateways` SMS and messengers, `smpp` a
//! short message centre (`smsc` is its stand-in), `crm` a CRM that is away, refuses requests, or lets tokens expire,
//! `crm_calls` a CRM that registers calls.

mod crm;
mod crm_calls;
mod gateways;
mod mail;
mod order;
mod smpp;
mod smsc;
mod support;
mod webhooks;
