use super::*;

const ROTA: &str = r#"
[[duty]]
name = "night"
zone = "Europe/Moscow"
turn = "week"
change = "09:00"
start = "2026-12-07"
people = ["anna", "boris"]
exceptions = ["2026-12-31 boris", "2027-01-01..2027-01-03 anna"]
"#;

fn told(from: &str, to: &str) -> Vec<String> {
    assert!(ROTA.contains(from));
    faults(&format!("{GOOD}{}", ROTA.replacen(from, to, 1)))
}

#[test]
fn a_rota_says_what_it_says_and_needs_only_a_start_and_people() {
    let rules = read(&format!("{GOOD}{ROTA}")).unwrap();
    let rota = rules.duties.values().next().unwrap();
    assert_eq!(
        (rota.people.len(), rota.exceptions.len(), rota.change.to_string()),
        (2, 2, "09:00".to_owned())
    );
    let short = "[[duty]]\nname = \"short\"\nstart = \"2026-12-07\"\npeople = [\"anna\"]\n";
    let rules = read(&format!("{GOOD}{short}")).unwrap();
    let rota = rules.duties.values().next().unwrap();
    assert_eq!((rota.turn, rota.change.0), (crate::rules::Turn::Day, 0));
}

#[test]
fn a_destination_names_a_rota_that_exists() {
    let text = |name: &str| {
        let to = format!("closed = {{ duty = \"{name}\", then = {{ message = \"closed\" }} }}");
        format!("{}{ROTA}", GOOD.replacen("closed = { message = \"closed\" }", &to, 1))
    };
    let rules = read(&text("night")).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(rules.routes.iter().any(|route| route.closed.to_string() == "duty night, then message closed"));
    let told = faults(&text("nigth"));
    assert!(told.len() == 1 && told[0].contains("did you mean night"), "{told:?}");
}

#[test]
fn a_rota_that_cannot_be_meant_is_told() {
    for (from, to, part) in [
        ("\"boris\"]", "\"dora\"]", "there is no agent dora"),
        ("2026-12-31 boris", "2026-12-31 dora", "there is no agent dora"),
        ("[\"anna\", \"boris\"]", "[]", "nobody takes turns in rota night"),
        ("2026-12-31 boris", "2026-12-31..2027-01-01 boris", "2027-01-01..2027-01-03 anna overlap"),
        ("2026-12-31 boris", "2026-12-32 boris", "not a date with an agent"),
        ("2026-12-07", "2026-13-07", "is not a date"),
        ("09:00", "9:00", "is not a time of day"),
        ("Europe/Moscow", "Europe/Moskow", "did you mean Europe/Moscow"),
        ("\"week\"", "\"month\"", "month"),
        ("people =", "peple =", "peple"),
        ("start =", "starts =", "start"),
    ] {
        let told = told(from, to);
        assert!(told.len() == 1 && told[0].contains(part), "{part}: {told:?}");
    }
}
