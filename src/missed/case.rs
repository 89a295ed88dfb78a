//! A case: what we owe one caller.

crate::words! {
    /// Where a case stands.
    "case state" pub enum State {
        /// We owe the caller something.
        Open = "open",
        /// The debt is paid or given up, for the reason in its row.
        Closed = "closed",
    }
}

crate::words! {
    /// Why a case was opened.
    "case reason" pub enum Reason {
        /// He hung up before a phone rang.
        AbandonedWaiting = "abandoned_waiting",
        /// He hung up while a phone rang.
        AbandonedRinging = "abandoned_ringing",
        /// Nobody took him in the time that he may wait.
        TimedOut = "timed_out",
        /// He called while we were closed.
        ClosedHours = "closed_hours",
        /// The contact that he was forwarded to did not take him.
        ForwardFailed = "forward_failed",
        /// We failed.
        Lost = "lost",
    }
}

crate::words! {
    /// Why a case was closed.
    "case close reason" pub enum Closed {
        /// An agent spoke to him.
        AgentReached = "agent_reached",
        /// He called again and got through.
        CallerReachedUs = "caller_reached_us",
        /// The attempts are used up.
        Unreachable = "unreachable",
        /// He wants no calls.
        DoNotCall = "do_not_call",
        /// The number is not his.
        WrongNumber = "wrong_number",
        /// He is no customer.
        Spam = "spam",
        /// His data were erased.
        Erased = "erased",
        /// As the note says.
        Other = "other",
    }
}
