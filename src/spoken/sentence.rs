//! Whole sentences.

use super::Phrase;

crate::vocabulary! {
    /// A sentence that is one sound. The word is the id of the sound.
    "sentence" pub enum Sentence {
        /// The greeting of a queue.
        PleaseHold = "please-hold",
        /// Everybody is busy.
        AllBusy = "all-busy",
        /// Said again and again to those who wait.
        ThankYouForWaiting = "thank-you-for-waiting",
        /// The caller is being connected.
        Connecting = "connecting",
        /// The caller has an open case, and was to be called back.
        WeWereCallingYouBack = "we-were-calling-you-back",
        /// Outside of opening hours.
        ClosedNow = "closed-now",
        /// The voicemail's greeting.
        NobodyCanAnswer = "nobody-can-answer",
        /// What to do before the tone.
        LeaveMessageAfterTone = "leave-message-after-tone",
        /// What to do before the tone, if a request is wanted.
        LeaveRequestAfterTone = "leave-request-after-tone",
        /// The message was recorded, and is not kept yet.
        MessageRecorded = "message-recorded",
        /// The message is kept.
        MessageSaved = "message-saved",
        /// Nothing was recorded.
        NothingRecorded = "nothing-recorded",
        /// The caller will be called back in turn.
        CallbackKeepsPlace = "callback-keeps-place",
        /// The caller will be called back when we open.
        CallbackWhenOpen = "callback-when-open",
        /// The caller will be called back.
        CallbackSoon = "callback-soon",
        /// To a caller who asks for a callback: 1 confirms the number that they show, or they enter another.
        ConfirmNumber = "confirm-number",
        /// To a caller who asks for a callback and shows no number.
        EnterNumber = "enter-number",
        /// The number that was entered cannot be called.
        NumberNotPossible = "number-not-possible",
        /// The request is a case.
        RequestTaken = "request-taken",
        /// The person on duty is being called.
        CallingDuty = "calling-duty",
        /// Nobody is on duty, or nobody has accepted.
        NobodyOnDuty = "nobody-on-duty",
        /// To the agent or the person on duty: a caller waits.
        CallForYou = "call-for-you",
        /// To an agent: the caller has hung up.
        CallerGone = "caller-gone",
        /// Before the survey's questions.
        SurveyInvitation = "survey-invitation",
        /// How the agent has helped.
        SurveyHelp = "survey-help",
        /// How long it took to be answered.
        SurveyWait = "survey-wait",
        /// Whether they would recommend us.
        SurveyRecommend = "survey-recommend",
        /// After the survey.
        SurveyThanks = "survey-thanks",
        /// A key that leads nowhere.
        InvalidChoice = "invalid-choice",
        /// No key was pressed.
        NoChoice = "no-choice",
        /// Something of ours is broken.
        TechnicalProblem = "technical-problem",
        /// The end.
        Goodbye = "goodbye",
        /// A feature code was carried out.
        Done = "done",
        /// A feature code was refused.
        NotPossible = "not-possible",
        /// The agent has logged in.
        LoggedIn = "logged-in",
        /// The agent has logged out.
        LoggedOut = "logged-out",
        /// The agent's break has begun.
        BreakBegins = "break-begins",
        /// The agent's break has ended.
        BreakEnds = "break-ends",
        /// The queue was opened by hand.
        HoursOpened = "hours-opened",
        /// The queue was closed by hand.
        HoursClosed = "hours-closed",
        /// The queue follows its schedule again.
        HoursBySchedule = "hours-by-schedule",
        /// What is heard after a beep is recorded.
        SpeakAfterTone = "speak-after-tone",
    }
}

impl From<Sentence> for Phrase {
    fn from(sentence: Sentence) -> Self {
        Self::default().word(sentence.as_str())
    }
}
