//! Checks whether missed callers can be called back.

use super::Finding;
use crate::config::callback::Settings;
use crate::rules::Rules;

/// What is missing for callbacks.
pub(super) fn lines(rules: &Rules, settings: &Settings) -> Vec<Finding> {
    let unnamed = settings
        .nobody_calls_back(rules)
        .map(|(detail, remedy)| Finding::advice("callbacks", detail, remedy));
    unnamed.into_iter().chain(trunk(settings)).collect()
}

/// Checks whether there is a trunk. Without one, settings of `[callback]` have no effect.
fn trunk(settings: &Settings) -> Option<Finding> {
    let what = "callbacks: trunk";
    if settings.trunks.iter().any(|trunk| trunk.max_calls > 0) {
        return None;
    }
    let remedy = "add [[callback.trunks]] with `dial`, such as \"gateway/trunk/{number}\", to dozvon.toml";
    if !settings.trunks.is_empty() {
        return Some(Finding::wrong(
            what,
            "every trunk has max_calls = 0: no customer is called back",
            "give one of [[callback.trunks]] a max_calls above 0",
        ));
    }
    Some(if *settings == Settings::default() {
        let detail =
            "no trunk: the controller calls nobody back, and cases wait for people (`dozvon case list`)";
        Finding::advice(what, detail, remedy)
    } else {
        let detail = "[callback] has settings, but there is no trunk: nobody is called back";
        Finding::wrong(what, detail, remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use crate::config::callback::Trunk;

    #[test]
    fn without_a_trunk_nobody_is_called_back() {
        let state = |settings: &Settings| trunk(settings).map(|line| line.state);
        assert_eq!(state(&Settings::default()), Some(State::Advice));
        let wanted = Settings { queue: Some("sales".parse().unwrap()), ..Settings::default() };
        assert_eq!(state(&wanted), Some(State::Wrong));
        let mut some = Settings { trunks: Trunk::example().into_iter().collect(), ..Settings::default() };
        assert_eq!(state(&some), None);
        some.trunks[0].max_calls = 0;
        assert_eq!(state(&some), Some(State::Wrong));
    }
}
