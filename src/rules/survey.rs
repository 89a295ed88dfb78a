//! What a caller is asked after the talk with an agent.

use serde::{Deserialize, Serialize};

use crate::ids::PromptName;

/// The most questions of a survey.
pub const MAX_QUESTIONS: usize = 3;

/// The keys with which a caller answers a question, from the worst to the best.
pub const MARKS: std::ops::RangeInclusive<u8> = 1..=5;

/// One to three questions, which the caller answers with 1 to 5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stated")]
pub struct Survey {
    questions: Vec<PromptName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thanks: Option<PromptName>,
}

/// `{ questions = ["helpful"], thanks = "thanks" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    questions: Vec<PromptName>,
    #[serde(default)]
    thanks: Option<PromptName>,
}

/// A survey with no question, too many, or the same one twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a survey has 1 to {MAX_QUESTIONS} different questions: write that many prompts")]
pub struct InvalidSurvey;

impl Survey {
    /// Makes a survey of the prompts of its questions, and of the prompt after the last one.
    ///
    /// # Errors
    /// If there are not 1 to [`MAX_QUESTIONS`] different questions.
    pub fn new(questions: Vec<PromptName>, thanks: Option<PromptName>) -> Result<Self, InvalidSurvey> {
        let is_twice = questions.iter().enumerate().any(|(n, name)| questions[..n].contains(name));
        if !(1..=MAX_QUESTIONS).contains(&questions.len()) || is_twice {
            return Err(InvalidSurvey);
        }
        Ok(Self { questions, thanks })
    }

    /// The prompts of the questions, in the order in which they are asked.
    #[must_use]
    pub fn questions(&self) -> &[PromptName] {
        &self.questions
    }

    /// The prompt after the last answer.
    #[must_use]
    pub const fn thanks(&self) -> Option<&PromptName> {
        self.thanks.as_ref()
    }
}

impl TryFrom<Stated> for Survey {
    type Error = InvalidSurvey;

    fn try_from(stated: Stated) -> Result<Self, InvalidSurvey> {
        Self::new(stated.questions, stated.thanks)
    }
}
