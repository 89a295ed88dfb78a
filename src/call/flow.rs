//! A call on its way through the verbs of a flow.

use std::collections::VecDeque;

use super::Ended;
use crate::ids::{MenuName, QueueName, ScheduleName};
use crate::language::Language;
use crate::missed::asked::Asked;
use crate::missed::ending::Ending;
use crate::rules::Destination;
use crate::store::calls::MenuVisit;

/// What comes after a verb.
pub(crate) enum Next {
    /// The call has ended.
    Ended(Ended),
    /// Another verb.
    To(Destination),
}

/// What one verb leaves to the next.
#[derive(Debug)]
pub(crate) struct Flow {
    /// How the call has ended if it ends with what is being done now: refused, or timed out after a queue or a contact.
    pub ending: Ending,
    /// Whether the caller has left a message, of which people are told.
    pub left_message: bool,
    /// The queue that calls the caller back, if the caller was in none.
    pub calls_back: Option<QueueName>,
    /// Whether we have answered the call.
    pub is_answered: bool,
    /// The language that the caller chose.
    pub language: Option<Language>,
    /// The schedule by which the route has decided.
    pub schedule: Option<ScheduleName>,
    /// Keys that the caller has pressed and no menu has read.
    pub keys: VecDeque<char>,
    /// The menus that the caller visited.
    pub menus: Vec<MenuVisit>,
    /// The menus through which the caller came to the present one.
    pub came_through: Vec<MenuName>,
    /// Whether a caller whose call ends in the present menu is owed a callback.
    pub owed_in_menu: bool,
    /// The callback that the caller asked for.
    pub asked: Option<Asked>,
}

impl Flow {
    /// The beginning of a call whose route follows a schedule, and whose caller may have chosen a language in an earlier
    /// visit.
    pub(crate) const fn begin(language: Option<Language>, schedule: Option<ScheduleName>) -> Self {
        Self {
            ending: Ending::Refused,
            left_message: false,
            calls_back: None,
            is_answered: false,
            language,
            schedule,
            keys: VecDeque::new(),
            menus: Vec::new(),
            came_through: Vec::new(),
            owed_in_menu: true,
            asked: None,
        }
    }

    /// The caller has left a message. The call ends so, unless something else follows.
    pub(crate) const fn has_left_message(&mut self) {
        (self.ending, self.left_message) = (Ending::LeftMessage, true);
    }

    /// How the call has ended if the caller hangs up now.
    pub(crate) const fn when_hung_up(&self) -> Ending {
        match self.ending {
            Ending::LeftMessage => Ending::LeftMessage,
            _ => Ending::Abandoned,
        }
    }
}
