//! E-mail over SMTP.
//!
//! In: an event and one address. Out: a plain-text message. Its Message-ID is the same at every try, so that mail
//! systems recognise a repetition. 4xx is passing, 5xx is refused.

use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as Line, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use sha2::{Digest, Sha256};

use super::excerpt::excerpt;
use super::templates::{Part, Templates};
use super::{Channel, Delivering, Receipt, Trouble};
use crate::config::notify::{Mail, Tls};
use crate::event::{Delivery, EventKind};
use crate::missed::outgoing::Medium;
use crate::notify::recipients::Recipients;

/// The configured mail server.
#[derive(Debug)]
pub struct Post {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    templates: Templates,
    recipients: Recipients,
    attach_messages: bool,
}

/// The largest file that is attached, in bytes. Many mail servers refuse larger letters.
const LARGEST: u64 = 10_000_000;

impl Post {
    /// Makes the channel that sends by the mail server of the settings.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(
        mail: &Mail,
        templates: Templates,
        recipients: Recipients,
        timeout: Duration,
    ) -> Result<Self, String> {
        let from: Mailbox =
            mail.from.parse().map_err(|error| format!("[notify.mail] from {:?}: {error}", mail.from))?;
        let tls = || TlsParameters::new(mail.host.clone()).map_err(|error| format!("[notify.mail]: {error}"));
        let line = match mail.encryption {
            Tls::Tls => Line::Wrapper(tls()?),
            Tls::Starttls => Line::Required(tls()?),
            Tls::None => Line::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(mail.host.clone())
            .port(mail.port)
            .timeout(Some(timeout))
            .tls(line);
        if !mail.user.is_empty() {
            builder =
                builder.credentials(Credentials::new(mail.user.clone(), mail.password.expose().to_owned()));
        }
        let attach_messages = mail.attach_messages;
        Ok(Self { transport: builder.build(), from, templates, recipients, attach_messages })
    }

    fn letter(&self, delivery: &Delivery, file: Option<Vec<u8>>) -> Result<Message, String> {
        let (subject, text) = if self.recipients.caller() {
            (Part::CallerSubject, Part::Caller)
        } else {
            (Part::Subject, Part::Text)
        };
        let to = delivery.recipient.parse().map_err(|error| format!("the address: {error}"))?;
        let when = std::time::UNIX_EPOCH + Duration::from_millis(delivery.at.0.max(0).unsigned_abs());
        let builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(self.templates.render(subject, delivery)?)
            .date(when)
            .message_id(Some(message_id(delivery)));
        let text = self.templates.render(text, delivery)?;
        let made = match file {
            None => builder.header(ContentType::TEXT_PLAIN).body(text),
            Some(file) => {
                let wav = ContentType::parse("audio/wav").map_err(|error| error.to_string())?;
                let attached = Attachment::new("message.wav".to_owned()).body(file, wav);
                builder.multipart(MultiPart::mixed().singlepart(SinglePart::plain(text)).singlepart(attached))
            }
        };
        let mut letter = made.map_err(|error| error.to_string())?;
        // RFC 3834: automatic replies are not wanted.
        let name = HeaderName::new_from_ascii_str("Auto-Submitted");
        letter.headers_mut().insert_raw(HeaderValue::new(name, "auto-generated".to_owned()));
        Ok(letter)
    }

    /// The file of a message, if it is to be attached. Without it the letter is sent all the same. Callers get none.
    async fn message(&self, delivery: &Delivery) -> Option<Vec<u8>> {
        let wanted = self.attach_messages && delivery.kind == EventKind::MessageLeft.as_str();
        let path = delivery.data["file"].as_str().filter(|_| wanted && !self.recipients.caller())?;
        let read = async {
            if tokio::fs::metadata(path).await?.len() > LARGEST {
                return Err(std::io::Error::other("it is larger than 10 MB"));
            }
            tokio::fs::read(path).await
        };
        match read.await {
            Ok(file) => Some(file),
            Err(error) => {
                tracing::warn!(file = path, %error, "the file of a message cannot be attached: the letter goes without it");
                None
            }
        }
    }

    async fn send(&self, delivery: &Delivery) -> Result<Receipt, Trouble> {
        let file = self.message(delivery).await;
        let letter = self.letter(delivery, file).map_err(Trouble::refused)?;
        match self.transport.send(letter).await {
            Ok(answer) => {
                let said: String = answer.message().collect::<Vec<_>>().join(" ");
                Ok(Receipt::Done(excerpt(format!("{} {said}", answer.code()))))
            }
            Err(error) if error.is_permanent() => Err(Trouble::refused(describe(&error))),
            Err(error) => Err(Trouble::passing(describe(&error))),
        }
    }
}

fn describe(error: &lettre::transport::smtp::Error) -> String {
    excerpt(error.to_string())
}

/// A Message-ID that depends on the event and the address only.
fn message_id(delivery: &Delivery) -> String {
    let digest = Sha256::digest(delivery.recipient.as_bytes());
    let recipient: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("<{}.{recipient}@dozvon>", delivery.event)
}

impl Channel for Post {
    fn recipients(&self, kind: &str, data: &serde_json::Value) -> Vec<String> {
        self.recipients.of(kind, data, &self.templates)
    }

    fn to_stranger(&self, delivery: &Delivery) -> Option<Medium> {
        self.recipients.to_stranger(&delivery.data)
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> Delivering<'a> {
        Box::pin(self.send(delivery))
    }
}
