//! How a call ended, and where in the call the caller was.

crate::vocabulary! {
    /// Who began a call.
    "direction" pub enum Direction {
        /// A caller called us.
        Inbound = "inbound",
        /// The controller called a customer, for a case.
        Callback = "callback",
        /// An agent dialled a number that has an open case.
        Manual = "manual",
    }
}

crate::vocabulary! {
    /// How a call ended.
    "ending" pub enum Ending {
        /// The caller talked to an agent.
        Answered = "answered",
        /// The caller hung up before anybody answered, or left a queue by a key and reached nobody.
        Abandoned = "abandoned",
        /// The caller reached the limit of their waiting time, or a contact rang until the limit.
        TimedOut = "timed_out",
        /// The caller left a message.
        LeftMessage = "left_message",
        /// The caller asked to be called back.
        AskedCallback = "asked_callback",
        /// The caller talked to a contact outside the queues.
        Forwarded = "forwarded",
        /// The call was picked up or transferred by somebody outside the controller.
        Taken = "taken",
        /// The caller was not let in: closed hours, or no route.
        Refused = "refused",
        /// The call was lost by a failure on our side.
        Lost = "lost",
    }
}

crate::vocabulary! {
    /// How a visit of a menu ended.
    "outcome of a menu" pub enum MenuOutcome {
        /// The caller chose an option.
        Chosen = "chosen",
        /// The caller chose no option after all retries.
        Failed = "failed",
        /// The call ended in the menu, or somebody else took the caller.
        Left = "left",
    }
}

crate::vocabulary! {
    /// Where a caller was when their call ended.
    "stage" pub enum Stage {
        /// The call had just arrived.
        Arriving = "arriving",
        /// The caller waited, and no phone rang for them.
        Waiting = "waiting",
        /// The caller waited, and a phone rang for them.
        Ringing = "ringing",
        /// The caller heard a message.
        Message = "message",
        /// A contact outside the queues was rung for the caller.
        Forwarding = "forwarding",
        /// The caller heard a menu.
        Menu = "menu",
        /// The caller was asked for a message, or left one.
        Voicemail = "voicemail",
        /// The caller talked.
        Talking = "talking",
    }
}
