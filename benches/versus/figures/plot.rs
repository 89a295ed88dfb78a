//! A plot of latency over rate, as SVG.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::quantile::median;

/// Latency at a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Calls a second.
    pub rate: u32,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

type Latency = fn(&Point) -> f64;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
/// The scale of latency is logarithmic, between these.
const LEAST_MS: f64 = 1.0;
const MOST_MS: f64 = 10_000.0;
/// A phone that rings later than this after the caller's INVITE rings too late.
pub const TOO_LATE_MS: f64 = 200.0;
/// The colour of each system.
const COLOURS: [&str; 2] = ["#b0562b", "#1f6f8b"];

/// The lines of all systems: each with its name and its points of all rounds, of which the medians are drawn.
pub fn svg(systems: &[(&str, Vec<Point>)]) -> String {
    let rates = systems.iter().flat_map(|(_, points)| points.iter().map(|point| point.rate));
    let (least, most) = rates.fold((u32::MAX, 0), |(least, most), rate| (least.min(rate), most.max(rate)));
    if most == 0 {
        return String::new();
    }
    let scale = Scale { least: f64::from(least), most: f64::from(most.max(least + 1)) };
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    text += &scale.axes(least, most);
    for (place, (name, points)) in systems.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        let medians = medians(points);
        let p50: Latency = |point| point.p50_ms;
        let p99: Latency = |point| point.p99_ms;
        for (at, (quantile, dashes, value)) in
            [("p50", "none", p50), ("p99", "6 4", p99)].into_iter().enumerate()
        {
            text += &scale.line(&medians, value, colour, dashes);
            let y = TOP + 20.0 * (2 * place + at) as f64;
            text += &legend(y, colour, dashes, &format!("{name} {quantile}"));
        }
    }
    text + "</svg>\n"
}

/// Of all rounds, the median at each rate.
fn medians(points: &[Point]) -> Vec<Point> {
    let mut by_rate: BTreeMap<u32, [Vec<f64>; 2]> = BTreeMap::new();
    for point in points {
        let [p50, p99] = by_rate.entry(point.rate).or_default();
        p50.push(point.p50_ms);
        p99.push(point.p99_ms);
    }
    let middle = |(rate, [p50, p99]): (u32, [Vec<f64>; 2])| {
        Some(Point { rate, p50_ms: median(&p50)?, p99_ms: median(&p99)? })
    };
    by_rate.into_iter().filter_map(middle).collect()
}

/// Where on the picture a value is.
struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    fn x(&self, rate: u32) -> f64 {
        let share = (f64::from(rate) - self.least) / (self.most - self.least);
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, ms: f64) -> f64 {
        let share = (ms.clamp(LEAST_MS, MOST_MS) / LEAST_MS).log10() / (MOST_MS / LEAST_MS).log10();
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }

    fn axes(&self, least: u32, most: u32) -> String {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        let mut text = format!("<text x=\"{LEFT}\" y=\"22\">caller's INVITE to agent's INVITE, ms</text>\n");
        let mut ms = LEAST_MS;
        while ms <= MOST_MS {
            let y = self.y(ms);
            text += &format!(
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{ms:.0}</text>\n",
                LEFT - 8.0,
                y + 4.0
            );
            ms *= 10.0;
        }
        let y = self.y(TOO_LATE_MS);
        text += &format!(
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#999999\" \
             stroke-dasharray=\"2 3\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{TOO_LATE_MS}</text>\n",
            LEFT - 8.0,
            y + 4.0
        );
        for rate in (least..=most).filter(|rate| rate % 5 == 0 || *rate == least) {
            let x = self.x(rate);
            text += &format!(
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{rate}</text>\n",
                bottom + 18.0
            );
        }
        let middle = f64::midpoint(LEFT, right);
        text + &format!(
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">calls a second</text>\n",
            bottom + 38.0
        )
    }

    fn line(&self, points: &[Point], value: Latency, colour: &str, dashes: &str) -> String {
        let place = |point: &Point| format!("{:.1},{:.1}", self.x(point.rate), self.y(value(point)));
        let places: Vec<String> = points.iter().map(place).collect();
        let mut text = format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/>\n",
            places.join(" ")
        );
        for place in &places {
            let (x, y) = place.split_once(',').unwrap_or_default();
            let _infallible = writeln!(text, "<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"{colour}\"/>");
        }
        text
    }
}

fn legend(y: f64, colour: &str, dashes: &str, name: &str) -> String {
    let x = WIDTH - RIGHT + 12.0;
    format!(
        "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"2\" \
         stroke-dasharray=\"{dashes}\"/>\n<text x=\"{}\" y=\"{}\">{name}</text>\n",
        x + 22.0,
        x + 28.0,
        y + 4.0
    )
}
