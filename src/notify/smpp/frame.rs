//! Reads and writes commands (SMPP's PDUs) on a connection.
//!
//! Of an answer only the head matters: which command, and its status. Some short message centres send bodies that
//! cannot be parsed; such a body is ignored, so that a message that was accepted is not sent again.

use rusmpp::tokio_codec::{CommandCodec, EncodeError};
use rusmpp::types::AnyOctetString;
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use tokio_util::bytes::{Buf as _, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// Length, id, status and sequence number.
const HEAD: usize = 16;
/// The longest command that is accepted.
const LONGEST: usize = 8192;

/// Reads and writes commands.
#[derive(Debug)]
pub(super) struct Frames;

impl Decoder for Frames {
    type Item = Command;
    type Error = std::io::Error;

    fn decode(&mut self, came: &mut BytesMut) -> Result<Option<Command>, Self::Error> {
        let Some(mut head) = came.get(..HEAD) else { return Ok(None) };
        let length = usize::try_from(head.get_u32()).unwrap_or(usize::MAX);
        if !(HEAD..=LONGEST).contains(&length) {
            let what = format!("a command of {length} bytes: the other side does not speak SMPP");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, what));
        }
        let (id, status, sequence) = (head.get_u32(), head.get_u32(), head.get_u32());
        if came.len() < length {
            came.reserve(length - came.len());
            return Ok(None);
        }
        let mut frame = came.split_to(length);
        let whole = CommandCodec::new().decode(&mut frame).ok().flatten();
        Ok(Some(whole.unwrap_or_else(|| {
            let bare = Pdu::Other { command_id: CommandId::from(id), body: AnyOctetString::empty() };
            Command::new(CommandStatus::from(status), sequence, bare)
        })))
    }
}

impl Encoder<Command> for Frames {
    type Error = EncodeError;

    fn encode(&mut self, command: Command, out: &mut BytesMut) -> Result<(), Self::Error> {
        CommandCodec::new().encode(command, out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusmpp::pdus::SubmitSm;

    use super::*;

    fn read(octets: &[u8]) -> Vec<Command> {
        let mut came = BytesMut::from(octets);
        std::iter::from_fn(|| Frames.decode(&mut came).ok().flatten()).take(100).collect()
    }

    #[test]
    fn an_answer_with_an_odd_body_is_an_answer() {
        // A message id without its terminator, one that is too long, and an option that is longer than the answer.
        for body in
            [b"abc".to_vec(), [[b'x'; 80].as_slice(), b"\0"].concat(), b"\0\x04\x24\xff\xff\x01".to_vec()]
        {
            let length = u32::try_from(HEAD + body.len()).unwrap().to_be_bytes();
            let head = [&length[..], &[0x80, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 9]].concat();
            let enquiry = [0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, 1];
            let came = read(&[&head[..], &body, &enquiry].concat());
            assert_eq!(came.len(), 2, "{came:?}");
            let answer = &came[0];
            assert_eq!((answer.id(), answer.sequence_number()), (CommandId::SubmitSmResp, 9));
            assert_eq!((answer.status(), came[1].id()), (CommandStatus::EsmeRok, CommandId::EnquireLink));
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_does_harm(length in 0_u32..40, octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            for came in [octets.clone(), [&length.to_be_bytes()[..], &octets].concat()] {
                prop_assert!(read(&came).len() <= came.len() / HEAD);
            }
        }

        #[test]
        fn what_comes_in_pieces_is_read_whole(cut in 0_usize..66) {
            let mut whole = BytesMut::new();
            for sequence in [1, 2] {
                let command = Command::new(CommandStatus::EsmeRok, sequence, SubmitSm::default());
                Frames.encode(command, &mut whole).unwrap();
            }
            prop_assert_eq!(whole.len(), 66);
            let mut came = BytesMut::from(&whole[..cut]);
            let mut sequences = Vec::new();
            for piece in [&whole[cut..], &[]] {
                while let Some(command) = Frames.decode(&mut came).unwrap() {
                    prop_assert!(matches!(command.pdu(), Some(Pdu::SubmitSm(_))));
                    sequences.push(command.sequence_number());
                }
                came.extend_from_slice(piece);
            }
            prop_assert_eq!(sequences, [1, 2]);
        }
    }
}
