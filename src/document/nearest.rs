//! Guesses the intended word of a misspelt one. Pure.

/// Returns the known word that is most similar to the given one, if it is similar enough.
#[must_use]
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |word: &str| strsim::normalized_damerau_levenshtein(given, word);
    let best = known.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.55).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        assert_eq!(nearest("lisen", ["listen", "allow"]), Some("listen"));
        assert_eq!(nearest("passwort", ["password", "name"]), Some("password"));
        assert_eq!(nearest("zzz", ["listen", "allow"]), None);
    }
}
