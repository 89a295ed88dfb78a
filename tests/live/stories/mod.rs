//! The stories, in the order in which they run.

mod agents;
mod callbacks;
mod ends;
mod figures;
mod hostile;
mod hours;
mod late;
mod menus;
mod queue;
mod restarted;
mod rules;
mod stopped;
mod surroundings;
mod survey;
mod taken;
mod unheld;
mod voicemail;
mod waiting;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use anyhow::Result;

use crate::controller::Place;
use crate::freeswitch::FreeSwitch;
use crate::sip::{Behaviour, SipEnd};
use crate::tone::Tone;

/// What the dialplan's fallback contact does unless a story says otherwise: nobody is there.
pub const NOT_THERE: Behaviour = Behaviour::Refuse { after: Duration::ZERO, status: 480 };

/// What the stories share: one FreeSWITCH for all, and the phone that it rings when no controller is there.
pub struct Live {
    /// The running FreeSWITCH.
    pub switch: FreeSwitch,
    /// Where controllers have their place, one after the other.
    pub place: Place,
    /// Where FreeSWITCH is installed.
    pub prefix: PathBuf,
    /// The dialplan's fallback contact.
    pub fallback: SipEnd,
}

impl Live {
    /// Starts it.
    pub async fn start(prefix: &Path) -> Result<Self> {
        let fallback = SipEnd::open(Some(Tone::Fallback)).await?;
        fallback.behave(NOT_THERE);
        let place = Place::new(&fallback)?;
        let switch = FreeSwitch::start(prefix, &place).await?;
        Ok(Self { switch, place, fallback, prefix: prefix.to_owned() })
    }
}

type Telling<'a> = Pin<Box<dyn Future<Output = Result<String>> + 'a>>;

/// Something that must be so, tried out.
pub struct Story {
    /// Its name.
    pub name: &'static str,
    /// Tells it; gives what is worth printing.
    pub run: for<'a> fn(&'a Live) -> Telling<'a>,
}

macro_rules! stories {
    ($($module:ident $(:: $name:ident)+),+ $(,)?) => {
        vec![$( Story {
            name: concat!(stringify!($module) $(, "::", stringify!($name))+),
            run: |live| Box::pin($module $(:: $name)+ (live)),
        } ),+]
    };
}

/// All of them.
pub fn all() -> Vec<Story> {
    [of_callers(), of_ears(), of_callbacks(), of_troubles()].into_iter().flatten().collect()
}

/// Somebody calls.
fn of_callers() -> Vec<Story> {
    stories![
        ends::a_phone_answers_and_both_hear_each_other,
        ends::a_phone_is_busy_and_one_rejects,
        ends::a_caller_gives_up_while_it_rings,
        ends::an_answer_crosses_the_cancel,
        ends::a_phone_transfers_blindly,
        ends::a_registered_phone_is_found,
        queue::answered,
        queue::busy_then_next,
        queue::no_answer_then_next,
        queue::rejected_then_next,
        queue::rejected_by_all_then_asked_again,
        queue::ring_all_has_one_winner,
        queue::ring_all_when_all_answer_at_once,
        queue::abandoned_while_waiting,
        queue::abandoned_while_ringing,
        queue::waited_too_long,
        queue::a_login_is_seen_at_once,
        queue::no_route,
        late::an_answer_crosses_the_end_of_ringing,
        late::an_answer_crosses_the_callers_hangup,
        late::an_answer_races_the_callers_hangup,
        late::the_agent_transfers_blindly,
        taken::by_a_transfer,
        taken::by_an_intercept,
        taken::by_a_colleague_who_picks_up_the_ringing_phone,
        taken::by_a_transfer_while_the_duty_phone_rings,
        taken::by_an_attended_transfer,
        taken::by_a_transfer_into_another_queue,
        taken::killed_in_another_queue,
        taken::stopped_in_another_queue,
        taken::killed_while_somebody_else_has_them,
        unheld::the_caller_hangs_up,
        unheld::the_agent_hangs_up,
        unheld::somebody_ends_the_call,
        unheld::the_agent_transfers_the_caller,
        unheld::somebody_intercepts_the_caller,
        unheld::the_controller_dies,
        agents::a_phone_that_says_480_after_ringing_was_not_answered,
        agents::a_redirect_ends_the_offer,
        agents::a_redirect_is_followed_where_the_rules_say_so,
        agents::in_an_internal_call_an_agent_is_not_rung,
        agents::with_call_waiting_the_second_line_rings,
        agents::an_agent_that_was_given_a_caller_is_offered_no_other,
    ]
}

/// Somebody hears something, and presses keys.
fn of_ears() -> Vec<Story> {
    stories![
        menus::keys_lead_through_menus,
        menus::menus_end,
        menus::a_key_is_answered_at_once,
        waiting::an_announcement_is_heard_and_the_music_goes_on,
        waiting::an_answer_cuts_an_announcement,
        waiting::keys_while_waiting,
        waiting::early_media,
        waiting::a_key_races_the_answer,
        survey::two_questions_after_a_talk,
        survey::whoever_does_not_want_it_loses_nothing,
        voicemail::a_key_ends_a_message,
        voicemail::a_message_is_played_on_a_phone,
        voicemail::silence_ends_a_message,
        voicemail::a_message_is_recorded_again,
        voicemail::the_caller_hangs_up_in_the_middle,
        voicemail::the_controller_dies_while_the_caller_speaks,
        hours::closed_with_a_message,
        hours::closed_with_a_duty_phone,
    ]
}

/// Somebody is called back.
fn of_callbacks() -> Vec<Story> {
    stories![
        callbacks::missed_then_reached,
        callbacks::three_misses_then_the_handover,
        callbacks::glare,
        callbacks::an_agent_who_never_answers,
        callbacks::handset::reached_and_said_so,
        callbacks::handset::refused_after_three,
        callbacks::own_way::a_phone_that_is_no_agents,
        callbacks::own_way::a_number_without_a_case,
        callbacks::own_way::while_no_controller_runs,
        callbacks::customer_first::an_agent_comes,
        callbacks::customer_first::no_agent_comes,
        callbacks::agents::a_missing_sound_sends_nobody_on_break,
        callbacks::agents::an_agent_that_picks_up_late_has_time_for_the_key,
        callbacks::agents::in_a_call_of_their_own_an_agent_is_not_rung,
        callbacks::trunks::a_refusal_is_dialled_over_the_next_at_once,
        callbacks::trunks::one_trunk_that_knows_no_number_closes_nothing,
        callbacks::crashes::freeswitch_dies_while_the_customer_is_rung,
        callbacks::crashes::freeswitch_dies_while_they_talk,
        callbacks::places::two_who_wait_and_two_who_asked,
        callbacks::places::the_controller_dies_after_the_key,
        callbacks::places::a_caller_who_was_cut_off_gets_the_place_back,
        callbacks::crashes::the_controller_dies_while_the_customer_is_rung,
    ]
}

/// Something dies, is full or hostile, or there is a lot to do.
fn of_troubles() -> Vec<Story> {
    stories![
        stopped::killed_while_a_caller_waits,
        stopped::killed_with_a_full_house,
        stopped::the_fallback_contact_takes_the_caller,
        stopped::back_within_patience,
        stopped::back_and_connected_within_patience,
        stopped::a_crash_loop_ends_in_the_fallback,
        stopped::a_controller_that_hangs_ends_in_the_fallback,
        stopped::killed_while_a_phone_rings,
        stopped::killed_while_they_talk,
        stopped::stopped_while_a_caller_waits,
        stopped::stopped_while_they_talk,
        stopped::a_talk_ends_while_it_stops,
        restarted::freeswitch_dies_and_comes_back,
        surroundings::the_one_who_stands_by_takes_over,
        surroundings::the_second_address_is_tried,
        surroundings::a_full_disk,
        rules::wrap_up_lasts_as_long_as_it_says,
        rules::an_agent_that_misses_twice_is_sent_on_break,
        rules::cases_are_for_numbers_that_can_be_called,
        rules::check_finds_everything_in_order,
        hostile::names_and_numbers_are_only_text,
        hostile::numbers_dialled_are_only_text,
        figures::with_agents_to_spare,
        figures::with_a_backlog,
    ]
}
