//! `kunder serve`, `kunder doctor` and `kunder metrics`.

use std::process::ExitCode;
use std::sync::Arc;

use kunder_agent_core::clock::Clock;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{Common, Failure, ask, output};
use crate::app::{App, Options};
use crate::control::{Request, Response};
use crate::doctor::Diagnosis;
use crate::socket;

/// Runs the agents until SIGTERM or SIGINT, then drains.
pub(super) async fn run(common: &Common, clock: Arc<dyn Clock>) -> Result<ExitCode, Failure> {
    let config = common.config()?;
    let data = common.data(&config);
    let cannot = |error: std::io::Error| Failure::failed(format!("cannot listen for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let options = Options {
        data: data.clone(),
        config,
        serve: true,
    };
    // A broker that does not answer is asked for a while: whoever stops us then is heard.
    let app = tokio::select! {
        biased;
        _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
        _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
        app = App::open(options, Arc::clone(&clock)) => app?,
    };
    // Before it is said that it serves: who reads that may come at once.
    let listener = match socket::bind(&data) {
        Ok(listener) => listener,
        Err(error) => {
            app.close().await;
            return Err(Failure::usage(format!(
                "cannot listen on {}: {error}",
                socket::path(&data).display()
            )));
        }
    };
    let (stop, stopped) = watch::channel(false);
    let (door, socket_clock, socket_data) = (Arc::new(app.service.clone()), Arc::clone(&clock), data.clone());
    let (broken, mut socket_broken) = watch::channel(None::<String>);
    let listening = clock.spawn(Box::pin(async move {
        if let Err(error) = socket::listen(listener, &socket_data, door, socket_clock, stopped).await {
            broken.send_replace(Some(error.to_string()));
        }
    }));
    tracing::info!(data = %data.display(), bus = app.service.facts.bus, "serving");
    output::line(&format!(
        "kunder serves {} on {} and {}",
        data.display(),
        socket::path(&data).display(),
        app.service.facts.bus
    ));
    if let Some(held) = &app.service.facts.held {
        tracing::warn!("{held}");
    }
    let mut fatal = app.service.runtime.fatal();
    let cause = tokio::select! {
        biased;
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        Ok(cause) = fatal.wait_for(Option::is_some) => cause.clone(),
        Ok(cause) = socket_broken.wait_for(Option::is_some) => cause.clone().map(|cause| format!("the socket cannot be used: {cause}")),
    };
    tracing::info!("stopping");
    stop.send_replace(true);
    if let Some(cause) = cause {
        // What runs may hang: it is left to the journal.
        return Err(Failure::failed(cause)
            .hint("what was accepted is in the journal and is taken up at the next start"));
    }
    let _ = listening.await;
    app.close().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Says what is configured, reachable, and would be lost. Exit code 1 when something waits for a person.
pub(super) async fn doctor(common: &Common, clock: Arc<dyn Clock>) -> Result<ExitCode, Failure> {
    match diagnosis(common, Arc::clone(&clock)).await {
        Ok(diagnosis) => {
            tell(&diagnosis, common.json);
            Ok(if diagnosis.is_healthy() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Err(failure) if common.nats.is_some() => {
            // The broker, or whoever serves there, is not to be had: that is a finding, and the folder still has others.
            let local = Common {
                nats: None,
                ..common.clone()
            };
            let mut diagnosis = diagnosis(&local, clock).await?;
            diagnosis
                .problems
                .insert(0, format!("not reachable: {}", failure.what()));
            tell(&diagnosis, common.json);
            Ok(ExitCode::FAILURE)
        }
        Err(failure) => Err(failure),
    }
}

/// Prints the figures as Prometheus reads them.
pub(super) async fn metrics(common: &Common, clock: Arc<dyn Clock>) -> Result<ExitCode, Failure> {
    let mut client = common.client(clock).await?;
    let answered = client.call(&Request::Metrics).await;
    client.close().await;
    let metrics = match answered? {
        Response::Metrics(metrics) => metrics,
        other => return Err(ask::unexpected(&other)),
    };
    if common.json {
        output::json(&metrics);
    } else {
        output::line(metrics.prometheus().trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

async fn diagnosis(common: &Common, clock: Arc<dyn Clock>) -> Result<Diagnosis, Failure> {
    let mut client = common.client(clock).await?;
    let answered = client.call(&Request::Doctor).await;
    client.close().await;
    match answered? {
        Response::Doctor(diagnosis) => Ok(*diagnosis),
        other => Err(ask::unexpected(&other)),
    }
}

fn tell(diagnosis: &Diagnosis, as_json: bool) {
    if as_json {
        output::json(diagnosis);
    } else {
        output::line(&diagnosis.words());
    }
}
