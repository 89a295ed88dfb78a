//! What the owner of a leg wants of it.

crate::vocabulary! {
    /// Why a leg is ended; FreeSWITCH's own words, which come back as the cause.
    "leg cancel" pub enum Cancel {
        /// The caller for whom it rings is gone or served elsewhere.
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
