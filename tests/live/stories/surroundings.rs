//! Something that the controller needs breaks: its process, while another one stands by; the first of two addresses;
//! the disk.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::Live;
use crate::controller::{Controller, Place};
use crate::floor::{ANSWERS, Floor, contact, phone, told};
use crate::sip::{End, Stage};
use crate::team::Team;
use crate::tone::Tone;

const IVAN: &str = "+79001234601";
const OLGA: &str = "+79001234602";
const PETR: &str = "+79001234603";
/// From a controller that is ready to music.
const BACK: Duration = Duration::from_secs(2);

/// SIGKILL while another one stands by on the same host and file: it takes the callers over.
pub async fn the_one_who_stands_by_takes_over(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let mut floor = Floor::closed(live, &Team::of([("anna", contact(&anna))])).await?;
    floor.controller.serve().await?;
    floor.controller.stand_by().await?;
    let ivan = floor.caller(IVAN).await?;
    ivan.hears(Tone::Music).await?;
    let killed = Instant::now();
    floor.controller.take_over().await?;
    let ready = Instant::now();
    told(&floor, async {
        // The music of before ends with the first controller, if it has not yet.
        ivan.hears(Tone::Pause).await?;
        ivan.hears(Tone::Music).await?;
        let took = ready.elapsed();
        ensure!(took <= BACK, "music came {took:?} after the second controller was ready");
        floor.controller.command(&["agent", "login", "anna"]).await?;
        ivan.hears(Tone::Agent).await?;
        ensure!(
            !ivan.tones()?.contains(&Tone::Fallback),
            "the caller heard the fallback: {:?}",
            ivan.tones()?
        );
        ivan.hangs_up().await?;
        let row = floor.controller.ended_call(IVAN).await?;
        ensure!(row.text("ending") == "answered", "{}", row.0);
        floor.comes_to_rest().await?;
        let (over, music) = ((ready - killed).as_millis(), took.as_millis());
        Ok(format!("ready {over} ms after SIGKILL of the first, music {music} ms later"))
    })
    .await
}

/// Nobody is at the first address of the dialplan: the caller is taken at the second.
pub async fn the_second_address_is_tried(live: &Live) -> Result<String> {
    let anna = phone(ANSWERS).await?;
    let place = Place { listen: live.place.second, second: live.place.listen, ..live.place.clone() };
    let controller = Controller::prepare(&place, &Team::of([("anna", contact(&anna))])).await?;
    let mut floor = Floor::with(live, controller).await?;
    floor.controller.command(&["agent", "login", "anna"]).await?;
    floor.controller.serve().await?;
    told(&floor, async {
        let dialled = Instant::now();
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Agent).await?;
        let took = dialled.elapsed();
        ensure!(!ivan.tones()?.contains(&Tone::Pause), "the caller was made to wait: {:?}", ivan.tones()?);
        ivan.hangs_up().await?;
        floor.comes_to_rest().await?;
        Ok(format!("the agent was heard {} ms after dialling", took.as_millis()))
    })
    .await
}

/// A disk that fills up while a caller waits: that caller waits on, a new one gets the fallback at once, and when there
/// is room again, both are served.
pub async fn a_full_disk(live: &Live) -> Result<String> {
    let folder = tempfile::Builder::new().prefix("dozvon-live-").tempdir()?;
    let Some(disk) = SmallDisk::mount(folder.path())? else {
        return Ok("skipped: this user may not mount a small disk".to_owned());
    };
    let anna = phone(ANSWERS).await?;
    let controller =
        Controller::prepare_in(folder, &live.place, &Team::of([("anna", contact(&anna))])).await?;
    let mut floor = Floor::with(live, controller).await?;
    floor.controller.serve().await?;
    let outcome = told(&floor, async {
        let ivan = floor.caller(IVAN).await?;
        ivan.hears(Tone::Music).await?;
        let music = Instant::now();
        disk.fill()?;
        let dialled = Instant::now();
        let olga = floor.caller(OLGA).await?;
        olga.hears(Tone::Fallback).await?;
        let took = dialled.elapsed();
        ensure!(!olga.tones()?.contains(&Tone::Music), "she heard {:?}", olga.tones()?);
        olga.hangs_up().await?;
        ivan.heard_since(Tone::Music, music)?;
        let metrics = floor.controller.get("/metrics").await?;
        ensure!(metrics.contains("dozvon_handed_back_total{reason=\"not_recorded\"} 1"), "{metrics}");
        disk.make_room()?;
        floor.controller.command(&["agent", "login", "anna"]).await?;
        ivan.hears(Tone::Agent).await?;
        ivan.hangs_up().await?;
        let petr = floor.caller(PETR).await?;
        petr.hears(Tone::Agent).await?;
        petr.hangs_up().await?;
        ensure!(petr.is_over().await? == Stage::Ended(End::WeHungUp), "the caller hung up");
        ensure!(floor.controller.ended_call(IVAN).await?.text("ending") == "answered", "who waited");
        ensure!(floor.controller.ended_call(PETR).await?.text("ending") == "answered", "who came afterwards");
        let hers = floor.controller.rows(&["call", "list", "--number", OLGA]).await?;
        ensure!(hers.is_empty(), "what was not recorded is there: {hers:?}");
        floor.comes_to_rest().await?;
        Ok(format!("fallback {} ms after dialling", took.as_millis()))
    })
    .await;
    floor.controller.kill().await?;
    drop(disk);
    outcome
}

/// A disk of a few megabytes at a folder.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where this may not be done.
    fn mount(folder: &Path) -> Result<Option<Self>> {
        let options = ["-t", "tmpfs", "-o", "size=8m", "dozvon-live"];
        let mounted = Command::new("mount").args(options).arg(folder).output().context("mount")?;
        Ok(mounted.status.success().then(|| Self(folder.to_owned())))
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Leaves no byte.
    fn fill(&self) -> Result<()> {
        let mut file = File::create(self.filler())?;
        for piece in [65_536, 1] {
            let piece = vec![0; piece];
            while file.write_all(&piece).is_ok() {}
        }
        Ok(())
    }

    fn make_room(&self) -> Result<()> {
        std::fs::remove_file(self.filler()).context("the filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("the small disk at {} is still mounted", self.0.display());
        }
    }
}
