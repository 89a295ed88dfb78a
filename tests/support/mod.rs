//! What the test binaries share.

pub mod amocrm;
pub mod bitrix24;
pub mod command;
pub mod company;
pub mod database;
pub mod esl;
pub mod http;
pub mod log_lines;
pub mod markdown;
pub mod paced;
pub mod switch;
