//! What the comparison with mod_callcenter makes of what it has seen. A bench has no tests of its own.

#[path = "../../benches/versus/figures/mod.rs"]
#[expect(dead_code, reason = "the bench uses the rest")]
mod figures;

mod event {
    use super::figures::event::*;

    #[test]
    fn an_event_is_read() {
        let body = "Event-Name: CHANNEL_BRIDGE\nEvent-Date-Timestamp: 1700000000001000\nUnique-ID: one\n\
            Call-Direction: inbound\nChannel-Name: sofia/internal/a007%40127.0.0.1%3A5060\n\
            Bridge-A-Unique-ID: one\nBridge-B-Unique-ID: two\nvariable_x: y\n";
        let event = Event::parse(body).unwrap();
        assert_eq!((event.kind, event.at_us, event.inbound), (Kind::Bridge, 1_700_000_000_001_000, true));
        assert_eq!((event.channel.as_str(), event.sides), ("one", ["one".to_owned(), "two".to_owned()]));
        assert_eq!(event.name, "sofia/internal/a007%40127.0.0.1%3A5060");
    }

    #[test]
    fn an_event_of_another_kind_or_without_a_time_is_none() {
        assert_eq!(Event::parse("Event-Name: HEARTBEAT\nEvent-Date-Timestamp: 17\n"), None);
        assert_eq!(Event::parse("Event-Name: CHANNEL_CREATE\nUnique-ID: one\n"), None);
    }

    #[test]
    fn every_kind_that_is_subscribed_to_is_known() {
        let body = |name: &str| format!("Event-Name: {name}\nEvent-Date-Timestamp: 17\n");
        assert!(KINDS.split(' ').all(|name| Event::parse(&body(name)).is_some()));
    }
}

mod calls {
    use super::figures::calls::*;
    use super::figures::event::{Event, Kind};

    fn event(kind: Kind, channel: &str, at_ms: i64) -> Event {
        let (inbound, cause) = (channel.starts_with('c'), String::new());
        let name = channel.split('.').next().unwrap_or_default().to_owned();
        Event {
            kind,
            channel: channel.into(),
            at_us: at_ms * 1000,
            inbound,
            name,
            sides: Default::default(),
            cause,
        }
    }

    fn bridge(one: &str, other: &str, at_ms: i64) -> Event {
        Event { sides: [one.into(), other.into()], ..event(Kind::Bridge, one, at_ms) }
    }

    fn served() -> Vec<Event> {
        vec![
            event(Kind::Create, "c1", 1000),
            event(Kind::Create, "a1.1", 1009),
            event(Kind::Answer, "a1.1", 1510),
            bridge("a1.1", "c1", 1560),
            event(Kind::End, "a1.1", 4500),
            event(Kind::End, "c1", 4501),
        ]
    }

    #[test]
    fn a_served_caller_has_its_times() {
        let calls = Calls::of(&served());
        let expected = Served { came_us: 1_000_000, rung_ms: 9.0, bridged_ms: 50.0 };
        assert_eq!((calls.served(), calls.came_us()), (vec![expected], vec![1_000_000]));
    }

    #[test]
    fn events_in_another_order_say_the_same() {
        let mut events = served();
        events.reverse();
        assert_eq!(Calls::of(&events).served(), Calls::of(&served()).served());
    }

    #[test]
    fn the_time_between_two_talks_of_an_agent_is_found() {
        let mut events = served();
        events.extend([event(Kind::Create, "c2", 2000), event(Kind::Create, "a1.2", 4510)]);
        assert_eq!(Calls::of(&events).freed_ms(0), [10.0]);
        assert_eq!(Calls::of(&events).came_over_s(), 1.0);
        assert_eq!(Calls::of(&events).freed_ms(4_600_000), [] as [f64; 0]);
    }

    #[test]
    fn an_offer_without_a_talk_frees_nobody() {
        let mut events = served();
        events.remove(3);
        events.push(event(Kind::Create, "a1.2", 4510));
        let calls = Calls::of(&events);
        assert_eq!((calls.freed_ms(0), calls.picked_up_for_nobody()), (vec![], 1));
        assert_eq!(calls.not_served_us(), [1_000_000]);
        assert_eq!(calls.came_over_s(), 0.0);
    }

    #[test]
    fn a_caller_who_was_handed_back_is_told_from_one_who_was_lost() {
        let mut back = event(Kind::End, "c1", 2000);
        "NORMAL_CIRCUIT_CONGESTION".clone_into(&mut back.cause);
        let events = [event(Kind::Create, "c1", 1000), back, event(Kind::Create, "c2", 1000)];
        let calls = Calls::of(&events);
        assert_eq!((calls.handed_back(), calls.not_served_us().len()), (1, 2));
    }

    #[test]
    fn channels_of_before_are_left_out() {
        let calls = Calls::of(&[event(Kind::End, "c1", 1000)]);
        assert!(calls.came_us().is_empty() && calls.served().is_empty());
    }
}

mod machine {
    use super::figures::machine::*;

    #[test]
    fn the_processor_is_named() {
        assert_eq!(
            processor("processor\t: 0\nmodel name\t: Some Chip @ 2 GHz\nflags\t: a b\n"),
            Some("Some Chip @ 2 GHz")
        );
        assert_eq!(processor("processor\t: 0\n"), None);
    }

    #[test]
    fn memory_is_read() {
        let status = "Name:\tfreeswitch\nVmHWM:\t  238592 kB\nVmRSS:\t   51200 kB\nThreads:\t33\n";
        assert_eq!(peak_mib(status), Some(233.0));
        assert_eq!(peak_mib("Name:\tzombie\nThreads:\t1\n"), None);
    }
}

mod plot {
    use super::figures::plot::*;

    fn point(rate: u32, p50_ms: f64, p99_ms: f64) -> Point {
        Point { rate, p50_ms, p99_ms }
    }

    #[test]
    fn each_system_has_two_lines_through_its_medians() {
        let one = vec![
            point(20, 9.0, 19.0),
            point(20, 10.0, 1000.0),
            point(20, 11.0, 20.0),
            point(50, 100.0, 200.0),
        ];
        let text = svg(&[("dozvon", one), ("other", vec![point(20, 60.0, 111.0)])]);
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("<polyline")).collect();
        assert_eq!(lines.len(), 4);
        // From 20 to 50 calls a second over 500 points; from 1 to 10,000 ms over 330 points, 10 ms are a quarter up.
        assert!(lines[0].contains("points=\"70.0,287.5 570.0,205.0\""), "{}", lines[0]);
        assert!(lines[2].contains("points=\"70.0,"), "{}", lines[2]);
        assert!(text.contains(">dozvon p99<") && text.ends_with("</svg>\n"), "{text}");
    }

    #[test]
    fn values_beyond_the_scale_are_drawn_at_its_edge() {
        let text = svg(&[("dozvon", vec![point(20, 0.1, 99_999.0)])]);
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("<polyline")).collect();
        assert!(lines[0].contains("\"70.0,370.0\"") && lines[1].contains("\"70.0,40.0\""), "{lines:?}");
    }

    #[test]
    fn nothing_measured_is_no_picture() {
        assert_eq!(svg(&[("dozvon", vec![])]), "");
    }
}

mod quantile {
    use super::figures::quantile::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(quantile(&hundred, 0.5), Some(50.0));
        assert_eq!(quantile(&hundred, 0.99), Some(99.0));
        assert_eq!(quantile(&hundred, 1.0), Some(100.0));
        assert_eq!(quantile(&[7.0], 0.0), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}

mod table {
    use super::figures::table::*;

    #[test]
    fn a_table_has_a_column_for_each_system() {
        let mut table = Table::new(vec!["mod_callcenter", "dozvon"]);
        for (column, value) in [(0, 60.0), (1, 9.0), (0, 58.0), (1, 8.26), (0, 71.4)] {
            table.add(column, &[Figure::new("p50", Unit::Ms, value)]);
        }
        table.add(1, &[Figure::new("memory", Unit::MiB, 41.2)]);
        let expected = "\
|        | mod_callcenter |           dozvon |
|--------|---------------:|-----------------:|
| p50    |  60 ms (58-71) | 8.6 ms (8.3-9.0) |
| memory |              - |           41 MiB |";
        assert_eq!(table.markdown(), expected);
    }

    #[test]
    fn values_that_are_written_alike_have_no_spread() {
        let mut table = Table::new(vec!["dozvon"]);
        for value in [400.0, 400.0, 400.0] {
            table.add(0, &[Figure::new("calls", Unit::Count, value)]);
        }
        for value in [7.51, 7.49] {
            table.add(0, &[Figure::new("p50", Unit::Ms, value)]);
        }
        let text = table.markdown();
        assert!(text.contains("|    400 |") && text.contains("| 7.5 ms |"), "{text}");
    }
}
