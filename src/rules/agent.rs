//! An agent as an administrator states them.

use std::time::Duration;

use crate::rules::contact::Contact;

/// A person with one or more contacts, and how his phone is to be treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// What people call him; shown, never dialled.
    pub display: String,
    /// Where he is reached; all ring at once for one offer.
    pub contacts: Vec<Contact>,
    /// How long his phone rings before the next agent's turn. Default 20 s.
    pub ring_timeout: Duration,
    /// Time after a talk in which he is offered nothing. Default 0.
    pub wrap_up: Duration,
    /// What passes after a failed offer before the next one.
    pub delays: Delays,
    /// Unanswered offers in a row after which he is sent on break; 0 means never. Default 3.
    pub max_misses: u32,
    /// Whether FreeSWITCH follows the phone's redirects (302), for instance to a mobile phone. Default no: a redirect
    /// ends the offer, since it may lead to a mailbox or in circles.
    pub follow_redirects: bool,
}

/// Time in which an agent is offered nothing after an offer failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// After the phone rang out. Default 5 s.
    pub no_answer: Duration,
    /// After the phone was busy. Default 30 s.
    pub busy: Duration,
    /// After he rejected the call. Default 10 s.
    pub rejected: Duration,
    /// After the phone could not be reached. Default 30 s.
    pub unreachable: Duration,
}
