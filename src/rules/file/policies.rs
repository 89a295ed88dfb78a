//! Policies of calling back: what the file says laid over the profile, and held against law and house.

use std::time::Duration;

use toml::Spanned;

use crate::document::Document;
use crate::ids::PolicyName;
use crate::rules::file::raw::{Given, PolicyTime, RawPolicy};
use crate::rules::policy::{Policy, Profile};

/// The policy, if its profile is known.
pub(super) fn read(
    document: &mut Document<'_>,
    item: &Spanned<RawPolicy>,
    name: &PolicyName,
) -> Option<Policy> {
    let raw = item.get_ref();
    let profile = profile(document, item, name)?;
    let policy = laid_over(Policy { name: name.clone(), ..Policy::of(profile) }, raw);
    for fault in policy.faults() {
        let key = fault.key;
        let usual = Policy::of(profile).limits().into_iter().find(|limit| limit.key == key);
        let usual = usual.map_or_else(String::new, |limit| limit.value);
        let remedy = format!("state what is allowed, or take `{key}` out: profile {profile} has {usual}");
        document.fault(&raw.span_of(key).unwrap_or_else(|| item.span()), fault.to_string(), remedy);
    }
    Some(policy)
}

/// The profile: a policy that is named like one has it, others state theirs.
fn profile(document: &mut Document<'_>, item: &Spanned<RawPolicy>, name: &PolicyName) -> Option<Profile> {
    let own = Policy::profile_named(name);
    match (own, &item.get_ref().profile) {
        (Some(own), Some(given)) if *given.get_ref() != own => {
            let problem = format!("policy {name} has the profile of its name, not {}", given.get_ref());
            document.fault(&given.span(), problem, "take `profile` out, or give the policy another name");
            None
        }
        (own, given) => {
            let profile = given.as_ref().map(|given| *given.get_ref()).or(own);
            if profile.is_none() && !document.is_doubtful(&item.span()) {
                let remedy = "add profile = \"service\", \"sales\" or \"debt\"";
                document.fault(&item.span(), format!("policy {name} has no `profile`"), remedy);
            }
            profile
        }
    }
}

/// The limits that the file states, over those of the profile.
fn laid_over(mut policy: Policy, raw: &RawPolicy) -> Policy {
    fn put<T: Clone>(limit: &mut T, given: &Given<T>) {
        if let Some(given) = given {
            limit.clone_from(given.get_ref());
        }
    }
    fn put_span(limit: &mut Duration, given: &Given<PolicyTime>) {
        if let Some(given) = given {
            *limit = given.get_ref().0;
        }
    }
    let cap = |given: &Given<i64>, usual| given.as_ref().map(|given| *given.get_ref()).or(usual);
    put(&mut policy.cap_day, &raw.cap_day);
    policy.cap_24h = cap(&raw.cap_24h, policy.cap_24h);
    policy.cap_week = cap(&raw.cap_week, policy.cap_week);
    policy.cap_month = cap(&raw.cap_month, policy.cap_month);
    if let Some(gaps) = &raw.gaps {
        policy.gaps = gaps.get_ref().iter().map(|gap| gap.0).collect();
    }
    put_span(&mut policy.ring, &raw.ring);
    put_span(&mut policy.reaction, &raw.reaction);
    put(&mut policy.rungs, &raw.rungs);
    for (limit, given) in [(&mut policy.weekdays, &raw.weekdays), (&mut policy.weekends, &raw.weekends)] {
        if let Some(given) = given {
            *limit = given.get_ref().0.0;
        }
    }
    put_span(&mut policy.margin, &raw.margin);
    if let Some(given) = &raw.recent_contact {
        policy.recent_contact = given.get_ref().0;
    }
    put_span(&mut policy.settle, &raw.settle);
    put_span(&mut policy.lease, &raw.lease);
    put(&mut policy.repeat_days, &raw.repeat_days);
    put(&mut policy.repeat_total, &raw.repeat_total);
    put(&mut policy.destinations, &raw.destinations);
    put(&mut policy.premium, &raw.premium);
    policy
}

impl RawPolicy {
    /// Where a limit is stated, if it is.
    fn span_of(&self, key: &str) -> Option<std::ops::Range<usize>> {
        fn of<T>(given: &Given<T>) -> Option<std::ops::Range<usize>> {
            given.as_ref().map(Spanned::span)
        }
        match key {
            "cap_day" => of(&self.cap_day),
            "cap_24h" => of(&self.cap_24h),
            "cap_week" => of(&self.cap_week),
            "cap_month" => of(&self.cap_month),
            "gaps" => of(&self.gaps),
            "ring" => of(&self.ring),
            "reaction" => of(&self.reaction),
            "rungs" => of(&self.rungs),
            "weekdays" => of(&self.weekdays),
            "weekends" => of(&self.weekends),
            "margin" => of(&self.margin),
            "recent_contact" => of(&self.recent_contact),
            "settle" => of(&self.settle),
            "lease" => of(&self.lease),
            "repeat_days" => of(&self.repeat_days),
            "repeat_total" => of(&self.repeat_total),
            "destinations" => of(&self.destinations),
            "premium" => of(&self.premium),
            _ => None,
        }
    }
}
