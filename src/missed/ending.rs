//! How a call ended, and where the caller was.

crate::vocabulary! {
    /// Who began a call.
    "direction" pub enum Direction {
        /// A caller, to us.
        Inbound = "inbound",
        /// We, for a case.
        Callback = "callback",
        /// An agent, to a number with an open case.
        Manual = "manual",
    }
}

crate::vocabulary! {
    /// How a call ended.
    "ending" pub enum Ending {
        /// He talked to an agent.
        Answered = "answered",
        /// He hung up before anybody had him.
        Abandoned = "abandoned",
        /// He waited, or a contact rang, for as long as it may.
        TimedOut = "timed_out",
        /// He left a message.
        LeftMessage = "left_message",
        /// He asked to be called back.
        AskedCallback = "asked_callback",
        /// He talked to a contact outside the queues.
        Forwarded = "forwarded",
        /// Somebody else pulled or transferred the caller out of our hands.
        Taken = "taken",
        /// He was not let in: closed, or no route.
        Refused = "refused",
        /// We failed.
        Lost = "lost",
    }
}

crate::vocabulary! {
    /// Where a caller was when his call ended.
    "stage" pub enum Stage {
        /// He had only just come.
        Arriving = "arriving",
        /// He waited, and no phone rang for him.
        Waiting = "waiting",
        /// He waited, and a phone rang for him.
        Ringing = "ringing",
        /// He heard a message.
        Message = "message",
        /// A contact outside the queues was rung for him.
        Forwarding = "forwarding",
        /// He talked.
        Talking = "talking",
    }
}
