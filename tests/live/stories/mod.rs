//! The stories, in the order in which they are told.

mod ends;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use anyhow::Result;

use crate::freeswitch::FreeSwitch;

/// What the stories share: one FreeSWITCH for all.
pub struct Live {
    /// The running FreeSWITCH.
    pub switch: FreeSwitch,
}

impl Live {
    /// Starts it.
    pub async fn start(prefix: &Path) -> Result<Self> {
        Ok(Self { switch: FreeSwitch::start(prefix, &[]).await? })
    }
}

type Telling<'a> = Pin<Box<dyn Future<Output = Result<String>> + 'a>>;

/// Something that must be so, tried out.
pub struct Story {
    /// Its name.
    pub name: &'static str,
    /// Tells it; gives what is worth printing.
    pub run: for<'a> fn(&'a Live) -> Telling<'a>,
}

macro_rules! stories {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        vec![$( Story {
            name: concat!(stringify!($module), "::", stringify!($name)),
            run: |live| Box::pin($module::$name(live)),
        } ),+]
    };
}

/// All of them.
pub fn all() -> Vec<Story> {
    stories![
        ends::a_phone_answers_and_both_hear_each_other,
        ends::a_phone_is_busy_and_one_rejects,
        ends::a_caller_gives_up_while_it_rings,
        ends::an_answer_crosses_the_cancel,
        ends::a_phone_transfers_blindly,
        ends::a_registered_phone_is_found,
    ]
}
