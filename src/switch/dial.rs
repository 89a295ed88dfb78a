//! The only maker of dial strings: pure.
//!
//! In: a [`Contact`], ids, a caller's number and name. Out: the text of one
//! `originate` command.
//! **Invariant:** no input can add a leg, a variable, an argument or a command. Contacts and ids cannot hold such text;
//! numbers and names pass an allow-list; the tests read the result back by FreeSWITCH's own splitting rules (its
//! `switch_separate_string`, `switch_event_create_brackets` and originate).
//! *Why not the event socket crate's builders:* they let `}`, `:_:` and `${…}` pass in values.

use std::fmt::Write as _;
use std::time::Duration;

use crate::rules::contact::Contact;

use super::leg_request::{LEG_ID, LEG_ROLE, LegRequest, LegRole};
use super::text;
use crate::config::switch::NodeSettings;

/// The variable in which `intercept -bleg`, and an INVITE that replaces a ringing leg, look for the caller. When a phone
/// redirects, FreeSWITCH transfers the channel that this variable names: the caller would leave the queue. So the variable
/// is left out where redirects are followed.
const PARTNER: &str = "signal_bond";
/// The variable of mod_callcenter in which FusionPBX's *8 looks for the caller.
const PICKUP: &str = "cc_member_session_uuid";

/// The `originate` command for one leg.
pub(super) fn originate(request: &LegRequest, node: &NodeSettings) -> String {
    let variables = variables(request, node);
    let list: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("originate {{{}}}{} &park()", list.join(","), dial_string(&request.contact))
}

/// Whether the leg's channel gets the leg's own identity.
///
/// A directory user may be registered from several phones. With one identity for all, FreeSWITCH would refuse all but the
/// first (docs/architecture/freeswitch.md, "Legs and bridges"), so it chooses the identities itself.
pub(super) const fn has_own_channel(contact: &Contact) -> bool {
    !matches!(contact, Contact::User { .. })
}

/// FreeSWITCH's own limit for an originate, in case we do not cancel it: our limit plus what rounding to whole seconds may
/// cut off (docs/architecture/freeswitch.md, "Legs and bridges").
pub(super) fn originate_limit(request: &LegRequest) -> Duration {
    let confirm = request.confirm.as_ref().map_or(Duration::ZERO, |confirm| confirm.within);
    Duration::from_secs(seconds(request.ring_timeout + confirm) + 2)
}

fn variables(request: &LegRequest, node: &NodeSettings) -> Vec<(&'static str, String)> {
    let mut all = Vec::with_capacity(16);
    if has_own_channel(&request.contact) {
        all.push(("origination_uuid", request.leg.to_string()));
    }
    all.extend([
        (LEG_ID, request.leg.to_string()),
        (LEG_ROLE, request.role.as_str().to_owned()),
        ("dozvon_offer", request.offer.to_string()),
        ("dozvon_call", request.call.to_string()),
        ("originate_timeout", originate_limit(request).as_secs().to_string()),
        ("ignore_early_media", "true".to_owned()),
        ("hangup_after_bridge", "true".to_owned()),
        ("park_timeout", format!("{}:ORIGINATOR_CANCEL", seconds(node.park_timeout))),
    ]);
    if let Some(caller) = request.caller {
        all.extend((!request.follow_redirects).then(|| (PARTNER, caller.to_string())));
        all.push((PICKUP, caller.to_string()));
    }
    all.extend(text::number(&request.caller_number).map(|n| ("origination_caller_id_number", n.to_owned())));
    let name = text::name(&request.caller_name);
    if !name.is_empty() {
        all.push(("origination_caller_id_name", name.replace(' ', "\\s")));
    }
    if request.role == LegRole::Customer {
        // If the controller dies, the customer stays in their talk, if it has begun.
        all.push(("socket_resume", "false".to_owned()));
    }
    if !request.follow_redirects {
        all.push(("outbound_redirect_fatal", "true".to_owned()));
    }
    if let Some(confirm) = &request.confirm {
        all.extend([
            ("group_confirm_key", "1".to_owned()),
            ("group_confirm_file", confirm.sound.as_str().replace(',', "\\,")),
            // The owner's timer decides; FreeSWITCH's must not fire first.
            ("group_confirm_timeout", (seconds(confirm.within) + 2).to_string()),
        ]);
    }
    all
}

/// Whole seconds, rounded up, at least one.
fn seconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}

/// What FreeSWITCH dials for a contact, in an originate or in the dialplan.
#[must_use]
pub fn dial_string(contact: &Contact) -> String {
    let mut dial = String::with_capacity(64);
    let written = match contact {
        Contact::User { user, domain: None } => write!(dial, "user/{user}"),
        Contact::User { user, domain: Some(domain) } => write!(dial, "user/{user}@{domain}"),
        Contact::Sofia { profile, user, host, port: None } => write!(dial, "sofia/{profile}/{user}@{host}"),
        Contact::Sofia { profile, user, host, port: Some(port) } => {
            write!(dial, "sofia/{profile}/{user}@{host}:{port}")
        }
        Contact::Gateway { gateway, number } => write!(dial, "sofia/gateway/{gateway}/{number}"),
        Contact::Loopback { extension, context: None } => write!(dial, "loopback/{extension}"),
        Contact::Loopback { extension, context: Some(context) } => {
            write!(dial, "loopback/{extension}/{context}")
        }
    };
    debug_assert!(written.is_ok(), "a String takes everything");
    dial
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CallId, ChannelId, LegId, OfferId};
    use crate::switch::Confirm;
    use proptest::prelude::*;

    fn request(contact: &str) -> LegRequest {
        LegRequest {
            leg: LegId::new(),
            contact: contact.parse().unwrap(),
            call: CallId::new(),
            offer: OfferId::new(),
            caller: Some(ChannelId::new()),
            ring_timeout: Duration::from_millis(20_001),
            caller_number: "+79001234567".into(),
            caller_name: "Иван Петров".into(),
            confirm: None,
            follow_redirects: false,
            role: LegRole::Agent,
        }
    }

    /// FreeSWITCH's reading of a command line, ported from switch_utils.c, switch_event.c and mod_commands.c.
    mod freeswitch {
        pub struct Read {
            pub arguments: Vec<String>,
            pub variables: Vec<(String, String)>,
            pub legs: Vec<String>,
        }

        fn unescaped(c: char) -> char {
            match c {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                's' => ' ',
                other => other,
            }
        }

        /// cleanup_separated_string
        fn cleaned(text: &[char], delim: Option<char>) -> String {
            let start = text.iter().position(|&c| c != ' ').unwrap_or(text.len());
            let (mut out, mut end, mut quoted) = (Vec::new(), 0, false);
            let mut at = start;
            while at < text.len() {
                let c = text[at];
                let next = text.get(at + 1).copied();
                let escape = next.filter(|&e| {
                    c == '\\' && (matches!(e, '\'' | '"' | '\\') || Some(e) == delim || unescaped(e) != e)
                });
                if let Some(e) = escape {
                    let plain = matches!(e, '\'' | '"' | '\\') || Some(e) == delim;
                    out.push(if plain { e } else { unescaped(e) });
                    end = out.len();
                    at += 2;
                    continue;
                }
                if c == '\'' && (quoted || text[at + 1..].contains(&'\'')) {
                    quoted = !quoted;
                    if quoted {
                        end = out.len();
                    }
                } else {
                    out.push(c);
                    if c != ' ' || quoted {
                        end = out.len();
                    }
                }
                at += 1;
            }
            // the C code cuts only if something set an end; text of blanks stays as it is
            if end > 0 {
                out.truncate(end);
            }
            out.into_iter().collect()
        }

        /// switch_separate_string
        pub fn separated(text: &str, delim: char, max: usize) -> Vec<String> {
            let chars: Vec<char> = text.chars().collect();
            let (mut parts, mut from, mut quoted, mut at) = (Vec::new(), 0, false, 0);
            while at < chars.len() && parts.len() + 1 < max {
                let c = chars[at];
                if c == '\\' {
                    at += 2;
                    continue;
                }
                let pairs = delim == ' ' || quoted || chars[at + 1..].contains(&'\'');
                if c == '\'' && pairs {
                    quoted = !quoted;
                } else if c == delim && !quoted {
                    parts.push((from, at));
                    at += 1;
                    while delim == ' ' && chars.get(at) == Some(&' ') {
                        at += 1;
                    }
                    from = at;
                    continue;
                }
                at += 1;
            }
            if from < chars.len() || parts.is_empty() {
                parts.push((from, chars.len()));
            }
            let delim = (delim != ' ').then_some(delim);
            parts.into_iter().map(|(a, b)| cleaned(&chars[a..b], delim)).collect()
        }

        pub fn read(command: &str) -> Read {
            assert!(!command.contains(['\n', '\r', '\0']), "one line is one command");
            let (api, rest) = command.split_once(' ').unwrap();
            assert_eq!(api, "originate");
            let arguments = separated(rest, ' ', 10);
            assert!(!arguments[0].contains(":_:"), "no enterprise originate");
            assert!(!arguments[0].contains("${") && !arguments[0].contains("$("), "nothing to expand");
            let (mut variables, mut dial) = (Vec::new(), arguments[0].as_str());
            while let Some(block) = dial.strip_prefix('{') {
                let end = block.find('}').unwrap();
                assert!(!block[..end].contains(['{', '[', '<', '^']), "one plain block");
                for pair in separated(&block[..end], ',', 1024) {
                    if let [name, value] = separated(&pair, '=', 2).as_slice() {
                        variables.push((name.clone(), value.clone()));
                    }
                }
                dial = &block[end + 1..];
            }
            let sequential = separated(dial, '|', 100);
            let legs = sequential.iter().flat_map(|group| separated(group, ',', 100)).collect();
            Read { arguments, variables, legs }
        }
    }

    fn check(request: &LegRequest, leg: &str, name: &str, number: Option<&str>) {
        let read = freeswitch::read(&originate(request, &NodeSettings::default()));
        assert_eq!(read.arguments.len(), 2);
        assert_eq!(read.arguments[1], "&park()");
        assert_eq!(read.legs, [leg]);
        let mut expected: Vec<&str> = Vec::new();
        if has_own_channel(&request.contact) {
            expected.push("origination_uuid");
        }
        expected.extend(["dozvon_leg_id", "dozvon_leg", "dozvon_offer", "dozvon_call", "originate_timeout"]);
        expected.extend(["ignore_early_media", "hangup_after_bridge", "park_timeout"]);
        expected.extend(request.caller.map(|_| [PARTNER, PICKUP]).into_iter().flatten());
        expected.extend(number.map(|_| "origination_caller_id_number"));
        expected.extend((!name.is_empty()).then_some("origination_caller_id_name"));
        expected.push("outbound_redirect_fatal");
        if request.confirm.is_some() {
            expected.extend(["group_confirm_key", "group_confirm_file", "group_confirm_timeout"]);
        }
        let names: Vec<&str> = read.variables.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, expected);
        let value = |of: &str| read.variables.iter().find(|(n, _)| n == of).map(|(_, v)| v.as_str());
        assert_eq!(value("dozvon_leg_id"), Some(request.leg.to_string().as_str()));
        assert_eq!(value("dozvon_call"), Some(request.call.to_string().as_str()));
        assert_eq!(value("origination_caller_id_name").unwrap_or_default(), name);
        assert_eq!(value("origination_caller_id_number"), number);
    }

    #[test]
    fn a_leg_is_dialled() {
        let request = request("sofia/internal/1001@10.0.0.7:5060");
        let (leg, offer, call) = (request.leg, request.offer, request.call);
        let caller = request.caller.unwrap();
        assert_eq!(
            originate(&request, &NodeSettings::default()),
            format!(
                "originate {{origination_uuid={leg},dozvon_leg_id={leg},dozvon_leg=agent,dozvon_offer={offer},\
                 dozvon_call={call},originate_timeout=23,ignore_early_media=true,hangup_after_bridge=true,\
                 park_timeout=15:ORIGINATOR_CANCEL,signal_bond={caller},cc_member_session_uuid={caller},\
                 origination_caller_id_number=+79001234567,\
                 origination_caller_id_name=Иван\\sПетров,outbound_redirect_fatal=true}}sofia/internal/1001@10.0.0.7:5060 &park()"
            )
        );
    }

    #[test]
    fn every_kind_of_contact_is_dialled() {
        for (contact, dial) in [
            ("user/1001", "user/1001"),
            ("user/1001@example.com", "user/1001@example.com"),
            ("sofia/internal/1001@10.0.0.7:5060", "sofia/internal/1001@10.0.0.7:5060"),
            ("gateway/trunk/+79001234567", "sofia/gateway/trunk/+79001234567"),
            ("loopback/9004/default", "loopback/9004/default"),
        ] {
            check(&request(contact), dial, "Иван Петров", Some("+79001234567"));
        }
    }

    #[test]
    fn a_key_can_be_asked_for() {
        let asks = |sound: &str| {
            let confirm = Confirm { sound: sound.parse().unwrap(), within: Duration::from_secs(10) };
            LegRequest { confirm: Some(confirm), ..request("user/1001") }
        };
        for sound in [
            "ivr/accept.wav",
            "a..b/c.wav",
            "tone_stream://%(200,100,600);%(200,2000,800)",
            "tone_stream://1*2+-L=:",
        ] {
            check(&asks(sound), "user/1001", "Иван Петров", Some("+79001234567"));
            let read = freeswitch::read(&originate(&asks(sound), &NodeSettings::default()));
            let file = read.variables.iter().find(|(name, _)| name == "group_confirm_file").unwrap();
            assert_eq!(file.1, sound);
        }
        let asked = originate(&asks("accept.wav"), &NodeSettings::default());
        assert!(asked.contains("originate_timeout=33,"), "{asked}");
        let follows = LegRequest { follow_redirects: true, ..request("user/1001") };
        let follows = originate(&follows, &NodeSettings::default());
        assert!(!follows.contains("redirect") && !follows.contains(PARTNER), "{follows}");
        assert!(follows.contains(PICKUP), "{follows}");
    }

    #[test]
    fn the_port_of_freeswitch_splits_as_it_does() {
        // taken from docs/architecture/freeswitch.md, "What callers can inject": quotes are stripped by the first pass
        let read = freeswitch::read("originate {name='Bob,injected=1'}user/1 &park()");
        assert_eq!(read.variables.len(), 2);
        let read = freeswitch::read("originate {a=1}user/1,user/2|user/3 &park()");
        assert_eq!(read.legs, ["user/1", "user/2", "user/3"]);
        assert_eq!(freeswitch::separated("a\\sb  'c d' e", ' ', 10), ["a b", "c d", "e"]);
        assert_eq!(freeswitch::separated("a\\,b,c", ',', 10), ["a,b", "c"]);
    }

    proptest! {
        #[test]
        fn no_caller_can_add_anything(number in any::<String>(), name in any::<String>()) {
            let request = LegRequest { caller_number: number.clone(), caller_name: name.clone(), ..request("user/7") };
            check(&request, "user/7", &text::name(&name), text::number(&number));
        }

        #[test]
        fn no_caller_can_add_anything_on_purpose(
            name in "[a-zA-Zа-я '\"${}\\[\\]<>|,:_=&()%^\\\\;~!\r\n\0]{0,80}",
            number in "[0-9+*#,'$ ]{0,40}",
        ) {
            let request = LegRequest { caller_number: number.clone(), caller_name: name.clone(), ..request("user/7") };
            check(&request, "user/7", &text::name(&name), text::number(&number));
        }

        #[test]
        fn no_contact_can_add_anything(contact in "(user|sofia|gateway|loopback|sofia/gateway)/[ -~а-я]{1,40}") {
            let Ok(parsed) = contact.parse::<Contact>() else { return Ok(()) };
            let request = LegRequest { contact: parsed.clone(), ..request("user/7") };
            check(&request, &dial_string(&parsed), "Иван Петров", Some("+79001234567"));
        }

        #[test]
        fn nor_can_one_that_looks_right(
            contact in "(user/[a-z0-9._-]{1,5}(@[a-z.]{1,5})?[,|{}:_ ]?[a-z/]{0,3}|gateway/[a-z]{1,4}/[+]?[0-9*#]{1,9}[^a-z]?|loopback/[0-9]{1,4}(/[a-z]{1,4})?.?)",
        ) {
            let Ok(parsed) = contact.parse::<Contact>() else { return Ok(()) };
            let request = LegRequest { contact: parsed.clone(), ..request("user/7") };
            check(&request, &dial_string(&parsed), "Иван Петров", Some("+79001234567"));
        }
    }
}
