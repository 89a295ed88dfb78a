//! A controller that is started while another process has the right to be it.

use std::time::Duration;

use dozvon::app::{self, AppError};
use dozvon::clock::Clock;
use dozvon::config::Settings;
use dozvon::store::StoreError;
use tokio::time::{Instant, sleep};

use super::stage::Stage;

/// How long a look takes that is in the way.
const LOOK: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_hold_of_the_lock_keeps_no_controller_from_starting() {
    let mut stage = Stage::set().await;
    stage.kill().await;
    let lock = stage.store.take_lock().await.unwrap();
    let look = async {
        sleep(LOOK).await;
        drop(lock);
    };
    let (started, ()) = tokio::join!(app::start(stage.settings.clone(), Clock::system()), look);
    started.unwrap().drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_controller_keeps_one_from_starting() {
    let stage = Stage::set().await;
    let began = Instant::now();
    let refused = app::start(stage.settings.clone(), Clock::system()).await.unwrap_err();
    assert!(matches!(refused, AppError::Store(StoreError::Locked { .. })), "{refused}");
    assert!(began.elapsed() >= 2 * LOOK, "refused after {:?}", began.elapsed());
}

/// A server that is restarted is back in a moment: who stands by is there for worse than that.
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
