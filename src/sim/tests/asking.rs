//! Links: login, subscriptions, filters, API commands; and faults of the whole switch.

use tokio::io::AsyncWriteExt as _;

use super::*;

#[tokio::test(start_paused = true)]
async fn only_the_password_opens_the_event_socket() {
    let stage = Stage::set(|_| {}).await;
    let mut stranger = Link::new(TcpStream::connect(stage.sim.node_address()).await.unwrap());
    assert!(stranger.frame().await.unwrap().kind().contains("auth/request"));
    assert_eq!(stranger.ask("api status").await, "-ERR command not found");
    assert_eq!(stranger.ask("auth wrong").await, "-ERR invalid");
    assert!(stranger.rest().await.last().unwrap().body.contains("goodbye"));
    let mut user = Link::new(TcpStream::connect(stage.sim.node_address()).await.unwrap());
    user.frame().await.unwrap();
    assert_eq!(user.ask("userauth anna@example.com:ClueCon").await, "+OK accepted");
    assert!(user.api("status").await.contains("is ready"));
}

#[tokio::test(start_paused = true)]
async fn a_filter_on_a_channel_drops_jobs_and_heartbeats() {
    let stage = Stage::set(|_| {}).await;
    let mut link = link(&stage.sim).await;
    assert_eq!(
        link.ask("event plain CHANNEL_CREATE BACKGROUND_JOB HEARTBEAT").await,
        "+OK event listener enabled plain"
    );
    link.ask("bgapi status").await;
    link.event("BACKGROUND_JOB").await;
    link.event("HEARTBEAT").await;
    assert_eq!(
        link.ask("filter Unique-ID 870cd5e5-d93e-4b5e-a916-60f61eca20a9").await,
        "+OK filter added. [Unique-ID]=[870cd5e5-d93e-4b5e-a916-60f61eca20a9]"
    );
    link.ask("bgapi status").await;
    assert_eq!(link.names(s(60)).await, Vec::<String>::new());
    link.ask("filter Event-Name HEARTBEAT").await;
    link.event("HEARTBEAT").await;
    assert_eq!(link.ask("noevents").await, "+OK no longer listening for events");
    assert_eq!(link.ask("event nonsense").await, "-ERR no keywords supplied");
}

#[tokio::test(start_paused = true)]
async fn variables_of_a_dial_string_can_be_filtered_on() {
    let stage = Stage::set(|_| {}).await;
    stage.sim.phone("user/1", Pickup::Busy).await;
    let mut link = link(&stage.sim).await;
    link.ask("event plain CHANNEL_HANGUP_COMPLETE").await;
    link.ask("filter variable_dozvon_offer /^[0-9a-f-]+$/").await;
    let _caller = stage.sim.call(caller().patient_for(s(1))).await;
    link.ask("bgapi originate {dozvon_offer=17}user/1 &park()").await;
    link.ask("bgapi originate {other=17}user/1 &park()").await;
    assert_eq!(
        link.event("CHANNEL_HANGUP_COMPLETE").await.value("variable_dozvon_offer").as_deref(),
        Some("17")
    );
    assert_eq!(link.names(s(5)).await, Vec::<String>::new());
    // a variable of the recorded texts is found too
    link.ask("filter delete all").await;
    link.ask("filter variable_sip_via_protocol udp").await;
    let _caller = stage.sim.call(caller().patient_for(s(1))).await;
    assert_eq!(
        link.event("CHANNEL_HANGUP_COMPLETE").await.value("Caller-Destination-Number").as_deref(),
        Some("7001")
    );
}

#[tokio::test(start_paused = true)]
async fn events_can_be_json() {
    let stage = Stage::set(|_| {}).await;
    let mut link = link(&stage.sim).await;
    assert_eq!(link.ask("event json BACKGROUND_JOB").await, "+OK event listener enabled json");
    link.ask("bgapi hostname\nJob-UUID: mine").await;
    let frame = link.frame().await.unwrap();
    assert!(frame.kind().contains("text/event-json"));
    let event: serde_json::Value = serde_json::from_str(&frame.body).unwrap();
    assert_eq!((&event["Job-UUID"], &event["_body"]), (&"mine".into(), &"sim".into()));
}

#[tokio::test(start_paused = true)]
async fn channels_can_be_listed_dumped_and_asked_for_variables() {
    let mut stage = Stage::set(|_| {}).await;
    let hostile = "a,b|c{d}'e\"${x}\r\n\r\nIя";
    let (handle, mut peer) = stage.waiting(caller().named(hostile)).await;
    let uuid = handle.channel().to_string();
    stage.set_variable(&handle, "dozvon_call", "a b").await;
    let list: serde_json::Value =
        serde_json::from_str(&stage.node.api("show channels as json").await).unwrap();
    assert_eq!(list["row_count"], 1);
    assert_eq!(
        (&list["rows"][0]["uuid"], &list["rows"][0]["application"]),
        (&(*uuid).into(), &"playback".into())
    );
    let dump: serde_json::Value =
        serde_json::from_str(&stage.node.api(&format!("uuid_dump {uuid} json")).await).unwrap();
    assert_eq!(dump["variable_dozvon_call"], "a b");
    assert_eq!(dump["Answer-State"], "answered");
    assert_eq!(dump["Caller-Caller-ID-Name"], hostile.replace("${", "%{"));
    for (name, value) in [("dozvon_call", "a b"), ("sip_via_protocol", "udp"), ("nothing", "_undef_")] {
        assert_eq!(stage.node.api(&format!("uuid_getvar {uuid} {name}")).await, value);
    }
    assert_eq!(peer.ask("getvar dozvon_call").await, "a b");
    assert_eq!(stage.node.api("show channels count").await, "\n1 total.");
    assert!(stage.node.api("show application as json").await.contains("\"playback\""));
    assert_eq!(stage.node.api("module_exists mod_sofia").await, "true");
    assert_eq!(stage.node.api("nonsense x").await, "-ERR nonsense Command not found!");
}

#[tokio::test(start_paused = true)]
async fn a_dead_mans_switch_can_be_set_and_taken_back() {
    let mut stage = Stage::set(|settings| settings.socket_resume = false).await;
    let (handle, peer) = stage.waiting(caller()).await;
    let uuid = handle.channel().to_string();
    assert!(
        stage
            .node
            .api(&format!("sched_api +10 dm-{uuid} uuid_transfer {uuid} 1 XML x"))
            .await
            .starts_with("+OK Added: ")
    );
    assert_eq!(stage.node.api(&format!("sched_del dm-{uuid}")).await, "+OK Deleted: 1");
    stage.node.api(&format!("sched_api +20 dm-{uuid} uuid_transfer {uuid} 9100 XML x")).await;
    drop(peer);
    let story = handle.story().await.unwrap();
    assert!(story.has(|h| *h == Happening::Transferred("9100".into())) && story.lasted < s(30), "{story:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_a_new_core_without_any_call() {
    let mut stage = Stage::set(|_| {}).await;
    let (handle, peer) = stage.waiting(caller()).await;
    let before = stage.node.api("global_getvar core_uuid").await;
    stage.sim.restart().await;
    assert_eq!(handle.story().await.unwrap().ended_by, EndedBy::Restart);
    peer.rest().await;
    stage.node.rest().await;
    let mut link = link(&stage.sim).await;
    assert_ne!(link.api("global_getvar core_uuid").await, before);
    let counts = stage.sim.counts().await;
    assert_eq!((counts.channels_up, counts.connections), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_link_leaves_callers_alone_and_a_stall_ends() {
    let mut stage = Stage::set(|_| {}).await;
    let (handle, mut peer) = stage.waiting(caller()).await;
    stage.sim.drop_link().await;
    stage.node.rest().await;
    assert_eq!(peer.api(&format!("uuid_exists {}", handle.channel())).await, "true");
    stage.node = link(&stage.sim).await;
    let begun = tokio::time::Instant::now();
    stage.sim.stall(s(7)).await;
    assert_eq!(stage.node.api(&format!("uuid_exists {}", handle.channel())).await, "true");
    assert!(begun.elapsed() >= s(7));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_reading_loses_events_then_its_connection() {
    let stage = Stage::set(|settings| {
        settings.event_queue = 4;
        settings.lost_events = 10;
    })
    .await;
    let mut stalled = TcpStream::connect(stage.sim.node_address()).await.unwrap();
    stalled.write_all(b"auth ClueCon\n\nevent plain BACKGROUND_JOB\n\n").await.unwrap();
    let mut other = link(&stage.sim).await;
    let before = stage.sim.counts().await.connections;
    // until the kernel's buffers are full
    for _ in 0..20_000 {
        other.send("bgapi show application\n\n").await;
        if stage.sim.counts().await.connections < before {
            assert!(stage.sim.counts().await.frames_lost > 10);
            return;
        }
    }
    panic!("the stalled connection was kept");
}
