//! What callers may press while they wait in a queue.
//!
//! The type is the file form, as for [`Queue`](crate::rules::Queue).

use serde::{Deserialize, Serialize};

use crate::rules::digits::{Digits, Keys};
use crate::rules::menu::is_false;
use crate::rules::verb::Destination;

/// What a waiting caller may press, and what follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitKey {
    /// The keys.
    pub digits: Digits,
    /// Where the caller goes, who then waits no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Destination>,
    /// Whether the caller is told their position, and waits on.
    #[serde(default, skip_serializing_if = "is_false")]
    pub position: bool,
}

impl Keys for WaitKey {
    fn digits(&self) -> &Digits {
        &self.digits
    }
}

impl WaitKey {
    /// What is wrong with the key itself: problem and remedy.
    #[must_use]
    pub fn fault(&self) -> Option<(String, &'static str)> {
        let digits = &self.digits;
        match (&self.to, self.position) {
            (None, false) => Some((
                format!("key {digits} has neither `to` nor `position`"),
                "add to = { … } or position = true",
            )),
            (Some(_), true) => {
                Some((format!("key {digits} has `to` and `position`"), "take one of them out"))
            }
            (Some(_), false) | (None, true) => None,
        }
    }
}
