//! What a command status means (pure; SMPP 3.4, 5.1.3). Errors show only the status of an answer: a whole answer could
//! hold the password.

use rusmpp::CommandStatus;

use crate::notify::Trouble;

/// The name and the code, such as `RTHROTTLED (0x00000058)`.
fn shown(status: CommandStatus) -> String {
    let code = u32::from(status);
    match status {
        CommandStatus::Other(_) => format!("status 0x{code:08X}"),
        known => format!("{} (0x{code:08X})", format!("{known:?}").trim_start_matches("Esme").to_uppercase()),
    }
}

/// Why a bind was refused.
pub(super) fn of_bind(status: CommandStatus) -> Trouble {
    let said = format!(
        "the short message centre refused the bind: {}; check system_id, password and system_type in [notify.smpp]",
        shown(status)
    );
    match status {
        CommandStatus::EsmeRinvpaswd
        | CommandStatus::EsmeRinvsysid
        | CommandStatus::EsmeRinvsystyp
        | CommandStatus::EsmeRinvcmdid => Trouble::refused(said),
        // Many answer "bind failed" also while the connection from before a restart is still open: it may pass.
        _ => Trouble::passing(said),
    }
}

/// Why a message was refused.
pub(super) fn of_message(status: CommandStatus) -> Trouble {
    let said = format!("the short message centre refused the message: {}", shown(status));
    match status {
        CommandStatus::EsmeRthrottled
        | CommandStatus::EsmeRmsgqful
        | CommandStatus::EsmeRsyserr
        | CommandStatus::EsmeRinvbndsts
        | CommandStatus::EsmeRsubmitfail
        | CommandStatus::EsmeRxTAppn
        | CommandStatus::EsmeRsertypunavail
        | CommandStatus::EsmeRunknownerr
        // Codes that providers define, such as for an account without funds, or no service at night.
        | CommandStatus::Other(_) => Trouble::passing(said),
        _ => Trouble::refused(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_passes_or_it_does_not() {
        let passes = |trouble: &Trouble| matches!(trouble, Trouble::Passing { .. });
        for code in [0x04, 0x08, 0x14, 0x45, 0x58, 0x64, 0xff, 0x102, 0x400, 0x7ff] {
            assert!(passes(&of_message(CommandStatus::from(code))), "0x{code:X}");
        }
        for code in [0x01, 0x0a, 0x0b, 0x15, 0x50, 0x51, 0x65, 0x66, 0x104] {
            assert!(!passes(&of_message(CommandStatus::from(code))), "0x{code:X}");
        }
        for (code, expected) in
            [(0x05, true), (0x08, true), (0x0d, true), (0x0e, false), (0x0f, false), (0x53, false)]
        {
            let trouble = of_bind(CommandStatus::from(code));
            assert_eq!(passes(&trouble), expected, "0x{code:X}");
            assert!(trouble.to_string().contains("[notify.smpp]"), "{trouble}");
        }
        assert!(of_message(CommandStatus::EsmeRinvdstadr).to_string().ends_with("RINVDSTADR (0x0000000B)"));
        assert!(of_message(CommandStatus::Other(0x400)).to_string().ends_with("status 0x00000400"));
    }
}
