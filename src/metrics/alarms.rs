//! The labels of counters for alarms. Each is shown at 0 from the start.

crate::vocabulary! {
    /// Why a caller was handed back to the dialplan.
    "reason to hand back" pub enum HandedBack {
        /// The call's FreeSWITCH is not among `[[switch.nodes]]`.
        UnknownNode = "unknown_node",
        /// As many calls are in progress as `[calls] max_calls` allows, or the lag is longer than `[calls] max_lag`.
        Overloaded = "overloaded",
        /// The database did not record the arrival in time.
        NotRecorded = "not_recorded",
        /// The controller is stopping.
        Drained = "drained",
    }
}

crate::vocabulary! {
    /// A row that failed and is skipped for a while.
    "skipped row" pub enum SkippedRow {
        /// A case that cannot be changed or leased.
        Case = "case",
        /// An attempt that cannot be closed.
        Attempt = "attempt",
        /// An event that cannot be turned into deliveries.
        Event = "event",
    }
}

crate::vocabulary! {
    /// A difference that the self-check repaired.
    "repair" pub enum Repair {
        /// A call was open in the rows, but no task had it.
        CallWithoutStory = "call_without_story",
        /// An offer was open in the rows, but no task had it.
        OfferWithoutRing = "offer_without_ring",
        /// An agent was claimed by an offer that had ended.
        AgentWithoutOffer = "agent_without_offer",
        /// An agent was offered nothing for longer than the rules say.
        AgentRestsTooLong = "agent_rests_too_long",
        /// A leg of the controller belonged to no offer.
        LegWithoutOffer = "leg_without_offer",
    }
}
