//! Commands of a leg's owner.

crate::vocabulary! {
    /// Why a leg is ended. FreeSWITCH's own causes, which come back as the cause of the end.
    "leg cancel" pub enum Cancel {
        /// The caller for whom it rings is gone or is being served elsewhere.
        OriginatorCancel = "ORIGINATOR_CANCEL",
        /// Another leg of the same call was quicker.
        LoseRace = "LOSE_RACE",
        /// It rang for long enough.
        NoAnswer = "NO_ANSWER",
        /// The talk is over.
        NormalClearing = "NORMAL_CLEARING",
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LegCommand {
    pub cancel: Option<Cancel>,
    pub in_talk: bool,
}
