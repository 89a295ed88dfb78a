//! The `dozvon` command.
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = dozvon::config::Settings::load(None)?;
    dozvon::telemetry::start(settings.log.format, &settings.log.filter)?;
    Ok(dozvon::app::serve(settings).await?)
}
