//! The tables as diesel sees them. The migrations say what they mean.
//!
//! A column whose name in the database is not a word of the program any more has its old name in `sql_name`. The database
//! gets the new name at the next contraction, because the program of the release before must be able to use it (see
//! migrations/README.md).

diesel::table! { prompts (name) { name -> Text, source -> Text, } }
diesel::table! { schedules (name) { name -> Text, zone -> Text, } }
diesel::table! {
    schedule_hours (schedule, weekday, opens_min) {
        schedule -> Text, weekday -> Integer, opens_min -> Integer, closes_min -> Integer,
    }
}
diesel::table! {
    schedule_exceptions (schedule, date, ordinal) {
        schedule -> Text, date -> Text, ordinal -> Integer,
        opens_min -> Nullable<Integer>, closes_min -> Nullable<Integer>,
    }
}
diesel::table! {
    schedule_overrides (schedule) {
        schedule -> Text, open -> Bool, from_at -> BigInt, until_at -> BigInt, by -> Text,
        reason -> Nullable<Text>,
    }
}
diesel::table! {
    duties (name) {
        name -> Text, zone -> Text, turn -> Text, change_min -> Integer, start -> Text, people -> Text,
        exceptions -> Text,
    }
}
diesel::table! {
    duty_swaps (duty, date) { duty -> Text, date -> Text, agent -> Text, by -> Text, at -> BigInt, }
}
diesel::table! {
    agents (name) {
        name -> Text, display -> Text, ring_timeout_ms -> BigInt, wrap_up_ms -> BigInt,
        no_answer_delay_ms -> BigInt, busy_delay_ms -> BigInt, rejected_delay_ms -> BigInt,
        unreachable_delay_ms -> BigInt,
        #[sql_name = "max_misses"]
        max_no_answer -> Integer,
        follow_redirects -> Bool, status -> Text, activity -> Text,
        break_reason -> Nullable<Text>, since_at -> BigInt, idle_since_at -> BigInt, ready_at -> BigInt,
        misses -> Integer, offer -> Nullable<Text>, version -> BigInt, changed_by -> Text, changed_why -> Text,
    }
}
diesel::table! {
    talks_elsewhere (agent) { agent -> Text, since_at -> BigInt, }
}
diesel::table! {
    agent_contacts (agent, ordinal) { agent -> Text, ordinal -> Integer, contact -> Text, }
}
diesel::table! {
    queues (name) {
        name -> Text, strategy -> Text, priority -> Integer, music -> Nullable<Text>,
        service_level_ms -> BigInt, max_wait_ms -> Nullable<BigInt>, overflow_kind -> Text,
        overflow_to -> Text, overflow_then -> Nullable<Text>, schedule -> Nullable<Text>, policy -> Text, call_waiting -> Bool,
        greeting -> Nullable<Text>, greeting_skip -> Bool, announcements -> Text, announce_after_ms -> BigInt,
        announce_interval_ms -> Nullable<BigInt>, announce_position -> Bool, announce_wait -> Bool, wait_floor_ms -> BigInt,
        wait_rise_ms -> BigInt, keys -> Text, early_media -> Bool, survey -> Nullable<Text>,
    }
}
diesel::table! { policies (name) { name -> Text, version -> Integer, } }
diesel::table! {
    policy_versions (policy, version) {
        policy -> Text, version -> Integer, profile -> Text,
        #[sql_name = "cap_day"]
        max_attempts_per_day -> Integer,
        #[sql_name = "cap_24h"]
        max_attempts_per_24h -> Nullable<BigInt>,
        #[sql_name = "cap_week"]
        max_attempts_per_week -> Nullable<BigInt>,
        #[sql_name = "cap_month"]
        max_attempts_per_month -> Nullable<BigInt>,
        #[sql_name = "gaps_ms"]
        retry_delays_ms -> Text,
        #[sql_name = "ring_ms"]
        ring_timeout_ms -> BigInt,
        #[sql_name = "reaction_ms"]
        reaction_time_ms -> BigInt,
        #[sql_name = "rungs_pct"]
        escalation_pct -> Text,
        weekdays_from_min -> Integer, weekdays_to_min -> Integer, weekends_from_min -> Integer, weekends_to_min -> Integer,
        #[sql_name = "margin_ms"]
        hours_margin_ms -> BigInt,
        recent_contact_ms -> Nullable<BigInt>,
        #[sql_name = "settle_ms"]
        grace_ms -> BigInt,
        #[sql_name = "lease_ms"]
        accept_timeout_ms -> BigInt,
        repeat_days -> Integer,
        #[sql_name = "repeat_total"]
        max_attempts -> Integer,
        #[sql_name = "destinations"]
        allowed_destinations -> Text,
        #[sql_name = "premium"]
        allow_premium -> Bool,
    }
}
diesel::allow_tables_to_appear_in_same_query!(policies, policy_versions);
diesel::table! {
    tiers (queue, agent) { queue -> Text, agent -> Text, level -> Integer, position -> Integer, }
}
diesel::table! {
    routes (ordinal) {
        ordinal -> Integer, name -> Text, number -> Text, open_kind -> Text, open_to -> Text,
        open_then -> Nullable<Text>, schedule -> Nullable<Text>, closed_kind -> Text, closed_to -> Text,
        closed_then -> Nullable<Text>, callers -> Text, open_case -> Bool,
    }
}
diesel::table! {
    menus (name) {
        name -> Text, timeout_ms -> BigInt, digit_timeout_ms -> BigInt, retries -> Integer,
        invalid -> Nullable<Text>, no_input -> Nullable<Text>, barge_in -> Bool, failed_kind -> Text,
        failed_to -> Text, failed_then -> Nullable<Text>, missed -> Bool,
    }
}
diesel::table! {
    menu_prompts (menu, ordinal) { menu -> Text, ordinal -> Integer, prompt -> Text, }
}
diesel::table! {
    menu_options (menu, ordinal) {
        menu -> Text, ordinal -> Integer, digits -> Text, goes_to -> Nullable<Text>, back -> Bool,
        language -> Nullable<Text>,
    }
}
diesel::table! {
    survey_answers (call, ordinal) {
        call -> Text, ordinal -> Integer, question -> Text, answer -> Integer, answered_at -> BigInt,
    }
}
diesel::table! {
    menu_visits (call, ordinal) {
        call -> Text, ordinal -> Integer, menu -> Text, entered_at -> BigInt, outcome -> Text,
        digits -> Nullable<Text>,
    }
}
diesel::table! {
    voicemails (name) {
        name -> Text, greeting -> Nullable<Text>, beep -> Nullable<Text>, thanks -> Nullable<Text>,
        max_length_ms -> BigInt, min_length_ms -> BigInt, silence_ms -> BigInt, end_keys -> Text, review -> Bool,
        keep_key -> Text, listen_key -> Text, again_key -> Text, timeout_ms -> BigInt, retries -> Integer,
        queue -> Nullable<Text>,
    }
}
diesel::table! {
    messages (id) {
        id -> BigInt, call -> Text, voicemail -> Text, path -> Nullable<Text>, language -> Nullable<Text>,
        begun_at -> BigInt, ended_at -> Nullable<BigInt>, length_ms -> Nullable<BigInt>,
        heard_at -> Nullable<BigInt>, heard_by -> Nullable<Text>,
    }
}
diesel::table! {
    files_to_delete (path) {
        path -> Text, since_at -> BigInt, tried_at -> Nullable<BigInt>, last_error -> Nullable<Text>,
    }
}
diesel::table! {
    agent_steps (from_status, from_activity, to_status, to_activity) {
        from_status -> Text, from_activity -> Text, to_status -> Text, to_activity -> Text,
    }
}
diesel::table! {
    agent_changes (id) {
        id -> BigInt, agent -> Text, at -> BigInt, from_status -> Text, from_activity -> Text,
        to_status -> Text, to_activity -> Text, by -> Text, why -> Text, offer -> Nullable<Text>,
    }
}
diesel::table! {
    calls (id) {
        id -> Text, node -> Text, channel -> Text, core -> Text, party -> Text, number -> Nullable<Text>,
        caller_number -> Text, caller_name -> Text, dialled -> Text, route -> Nullable<Text>, open -> Bool,
        why -> Text, queue -> Nullable<Text>, business_day -> Text, service_level_ms -> Nullable<BigInt>,
        arrived_at -> BigInt, queued_at -> Nullable<BigInt>, offer -> Nullable<Text>, agent -> Nullable<Text>,
        answered_at -> Nullable<BigInt>, ended_at -> Nullable<BigInt>, ending -> Nullable<Text>,
        stage -> Nullable<Text>, cause -> Nullable<Text>, wait_ms -> Nullable<BigInt>,
        talk_ms -> Nullable<BigInt>, unwatched_from -> Nullable<BigInt>, direction -> Text,
        case_id -> Nullable<BigInt>, came_by -> Nullable<Text>, language -> Nullable<Text>,
    }
}
diesel::table! {
    asked_callbacks (call) { call -> Text, queue -> Text, number -> Nullable<Text>, at -> BigInt, }
}
diesel::table! {
    resumed_places (call) { call -> Text, earlier -> Text, place_at -> BigInt, }
}
diesel::table! {
    waits (call, ordinal) {
        call -> Text, ordinal -> Integer, queue -> Text, joined_at -> BigInt,
        service_level_ms -> Nullable<BigInt>, left_at -> Nullable<BigInt>, outcome -> Nullable<Text>,
    }
}
diesel::table! {
    offers (id) {
        id -> Text, call -> Text, queue -> Text, agent -> Text, controller -> Text, leg -> Nullable<Text>,
        offered_at -> BigInt, answered_at -> Nullable<BigInt>, bridged_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>, outcome -> Nullable<Text>, cause -> Nullable<Text>,
        ring_ms -> Nullable<BigInt>, talk_ms -> Nullable<BigInt>, unwatched_from -> Nullable<BigInt>,
    }
}
diesel::table! {
    controllers (name) { name -> Text, started_at -> BigInt, seen_at -> BigInt, }
}
diesel::table! {
    cases (id) {
        id -> BigInt, number -> Text, state -> Text, reason -> Text, queue -> Nullable<Text>,
        opened_at -> BigInt, last_miss_at -> BigInt, misses -> Integer, business_day -> Text,
        closed_at -> Nullable<BigInt>, close_reason -> Nullable<Text>, closed_by -> Nullable<Text>,
        note -> Nullable<Text>, stage -> Text, next_at -> Nullable<BigInt>, not_before -> Nullable<BigInt>,
        due_at -> Nullable<BigInt>, react_by -> Nullable<BigInt>, first_attempt_at -> Nullable<BigInt>,
        priority -> Integer, assignee -> Nullable<Text>, claimed_by -> Nullable<Text>,
        handed_over_at -> Nullable<BigInt>, repeat_days -> Integer, previous_case -> Nullable<BigInt>,
        not_before_source -> Nullable<Text>, not_before_by -> Nullable<Text>,
        abroad_allowed_by -> Nullable<Text>, came_by -> Nullable<Text>, flooded -> Bool,
        place_queue -> Nullable<Text>, place_at -> Nullable<BigInt>,
    }
}
diesel::table! {
    case_misses (call) {
        call -> Text, case_id -> BigInt, at -> BigInt, reason -> Text, queue -> Nullable<Text>,
        wait_ms -> Nullable<BigInt>,
    }
}
diesel::table! {
    attempts (id) {
        id -> BigInt, case_id -> BigInt, number -> Text, business_day -> Text, ordinal -> Nullable<Integer>,
        counted -> Bool, at -> BigInt, by -> Text,
        #[sql_name = "result"]
        disposition -> Nullable<Text>,
        note -> Nullable<Text>,
        state -> Text, way -> Text, agent -> Nullable<Text>, call -> Nullable<Text>, queue -> Nullable<Text>,
        cap -> Integer, policy -> Nullable<Text>, policy_version -> Nullable<Integer>,
        gap_until -> Nullable<BigInt>, zone -> Nullable<Text>, zone_source -> Nullable<Text>,
        local_min -> Nullable<Integer>, window_from_min -> Nullable<Integer>,
        window_to_min -> Nullable<Integer>, dialled_at -> Nullable<BigInt>, answered_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>, trunk -> Nullable<Text>, cause -> Nullable<Text>,
    }
}
diesel::table! {
    case_steps (from_stage, to_stage) { from_stage -> Text, to_stage -> Text, }
}
diesel::table! {
    do_not_call (number) {
        number -> Text, reason -> Text, by -> Text, note -> Nullable<Text>, at -> BigInt,
        expires_at -> Nullable<BigInt>,
    }
}
diesel::table! {
    refusals (id) {
        id -> BigInt, at -> BigInt, case_id -> Nullable<BigInt>, number -> Text, guard -> Text, why -> Text,
        by -> Text, policy -> Text, policy_version -> Integer,
    }
}
diesel::table! {
    escalations (case_id, due_at, escalation_pct) {
        case_id -> BigInt, due_at -> BigInt,
        #[sql_name = "rung_pct"]
        escalation_pct -> Integer,
        at -> BigInt,
    }
}
diesel::table! {
    outbox (seq) {
        seq -> BigInt, id -> Text, aggregate -> Text, kind -> Text, payload -> Text, created_at -> BigInt,
        spread_at -> Nullable<BigInt>, number -> Nullable<Text>,
    }
}
diesel::table! {
    deliveries (id) {
        id -> BigInt, event -> BigInt, aggregate -> Text, destination -> Text, recipient -> Text, state -> Text,
        attempt_no -> Integer, next_at -> Nullable<BigInt>, lease_until -> Nullable<BigInt>,
        leased_by -> Nullable<Text>, last_status -> Nullable<Text>, last_error -> Nullable<Text>,
        done_at -> Nullable<BigInt>, medium -> Nullable<Text>, permitted_at -> Nullable<BigInt>,
        recipient_key -> Nullable<Text>,
    }
}
diesel::table! { crm_tokens (one) { one -> Integer, access -> Text, refresh -> Text, root -> Text, kept_at -> BigInt, } }
diesel::table! {
    closed_destinations (name) { name -> Text, at -> BigInt, reason -> Text, }
}
diesel::allow_tables_to_appear_in_same_query!(outbox, deliveries);
diesel::table! {
    audit_key (one) {
        one -> Integer, fingerprint -> Text, secret -> Nullable<Text>, made_at -> BigInt,
        sealed_from -> Nullable<BigInt>, sealed_from_mac -> Nullable<Text>,
    }
}
diesel::table! {
    audit (id) {
        id -> BigInt, at -> BigInt, by -> Text, action -> Text, number_key -> Nullable<Text>,
        subject -> Nullable<Text>, details -> Text, prev_hash -> Text, hash -> Text, keyed -> Bool,
    }
}
diesel::table! { audit_head (one) { one -> Integer, id -> BigInt, hash -> Text, } }
diesel::table! {
    audit_gaps (id) {
        id -> BigInt, at -> BigInt, action -> Text, subject -> Nullable<Text>, why -> Text,
    }
}
diesel::table! { audit_cuts (id) { id -> BigInt, hash -> Text, at -> BigInt, } }
diesel::table! {
    erasures (id) {
        id -> BigInt, number_key -> Text, pseudonym -> Nullable<Text>, at -> BigInt, by -> Text,
        act -> Nullable<Text>,
    }
}
diesel::table! { attempts_to_erase (attempt) { attempt -> BigInt, erasure -> BigInt, due_at -> BigInt, } }
diesel::table! { clock_witness (one) { one -> Integer, believed_at -> BigInt, } }
diesel::table! { retention_cuts (kind) { kind -> Text, before_at -> BigInt, at -> BigInt, } }
diesel::table! {
    requests (id) {
        id -> BigInt, key_hash -> Nullable<Text>, body_hash -> Nullable<Text>, number -> Text,
        name -> Nullable<Text>, text -> Nullable<Text>, wanted_at -> Nullable<BigInt>,
        language -> Nullable<Text>, source -> Text, page -> Nullable<Text>, queue -> Nullable<Text>,
        consent_text -> Text, consent_at -> BigInt, address -> Nullable<Text>, received_at -> BigInt,
        case_id -> Nullable<BigInt>, email -> Nullable<Text>, sms_consent_text -> Nullable<Text>,
        sms_consent_standing -> Bool,
    }
}
diesel::allow_tables_to_appear_in_same_query!(
    asked_callbacks,
    resumed_places,
    agents,
    agent_contacts,
    tiers,
    queues,
    calls,
    offers,
    waits,
    cases,
    case_misses,
    attempts,
    messages
);
