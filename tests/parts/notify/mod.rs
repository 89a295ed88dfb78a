//! Telling people: the relay and its channels against receivers of our own on loopback.
//!
//! `support` makes a store with a relay and a web receiver; `webhooks` is what receivers do to us, `order` what is kept
//! whatever happens (most of it in virtual time), `mail` a mail server that defers, `gateways` SMS and messengers, `smpp`
//! a short message centre (which `smsc` is), `crm` a CRM that is away, has too much, or lets tokens run out, `crm_calls` one that
//! is told calls as calls.

mod crm;
mod crm_calls;
mod gateways;
mod mail;
mod order;
mod smpp;
mod smsc;
mod support;
mod webhooks;
