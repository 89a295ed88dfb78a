//! A controller is started while another process holds the lock. Time is virtual: it stands still while the database
//! works, so a busy machine changes nothing.

use std::time::Duration;

use dozvon::app::{self, AppError};
use dozvon::clock::Clock;
use dozvon::config::Settings;
use dozvon::config::database::DatabaseUrl;
use dozvon::demo::testbed;
use dozvon::store::{Store, StoreError};
use tokio::time::{Instant, sleep};

use crate::support::command::Workdir;

/// How long another process holds the lock to see whether it is free.
const LOOK: Duration = Duration::from_millis(100);

/// The settings of a controller without a FreeSWITCH.
fn settings(folder: &Workdir) -> Settings {
    let nobody = "127.0.0.1:1".parse().unwrap();
    let mut settings = testbed::settings(DatabaseUrl::Sqlite(folder.path("dozvon.db")), nobody);
    settings.switch.nodes.clear();
    settings
}

#[tokio::test(start_paused = true)]
async fn a_short_hold_of_the_lock_keeps_no_controller_from_starting() {
    let folder = Workdir::new();
    let settings = settings(&folder);
    let store = Store::open(&settings.database, settings.store.clone()).await.unwrap();
    let lock = store.take_lock().await.unwrap();
    let look = async {
        sleep(LOOK).await;
        drop(lock);
    };
    let (started, ()) = tokio::join!(app::start(settings, Clock::system()), look);
    started.unwrap().drain().await;
}

#[tokio::test(start_paused = true)]
async fn another_controller_keeps_one_from_starting() {
    let folder = Workdir::new();
    let first = app::start(settings(&folder), Clock::system()).await.unwrap();
    let began = Instant::now();
    let refused = app::start(settings(&folder), Clock::system()).await.unwrap_err();
    assert!(matches!(refused, AppError::Store(StoreError::Locked { .. })), "{refused}");
    assert!(began.elapsed() >= 2 * LOOK, "refused after {:?}", began.elapsed());
    first.drain().await;
}

/// A database server that restarts is back in a moment: the standby keeps trying to reach it.
#[tokio::test(start_paused = true)]
async fn a_standby_controller_waits_for_a_database_that_is_out_of_reach() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://nobody@127.0.0.1:{}/x", server.local_addr().unwrap().port());
    let settings = Settings { database: url.parse().unwrap(), ..Settings::default() };
    let standby = app::stand_by(settings, Clock::system());
    let tried = async {
        for _ in 0..3 {
            // It is cut off at once.
            drop(server.accept().await.unwrap());
        }
    };
    tokio::select! {
        ended = standby => panic!("it gave up: {:?}", ended.map(drop)),
        () = tried => {}
    }
}
