//! Our variables on a caller's channel.

crate::vocabulary! {
    /// A variable of ours on the caller's channel, readable in the dialplan.
    "variable" pub enum Variable {
        /// The id of the call.
        Call = "dozvon_call",
        /// The offer that was answered first.
        Offer = "dozvon_offer",
        /// Why the caller was handed back to the dialplan.
        State = "dozvon_state",
        /// The extension with which the dialplan continues.
        Extension = "dozvon_extension",
        /// The context of that extension.
        Context = "dozvon_extension_context",
        /// Whether a controller has had the caller for a while: then the dialplan forgets earlier failures.
        Served = "dozvon_served",
    }
}
