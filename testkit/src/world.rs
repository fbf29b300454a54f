//! The world of one simulation: the machine, the broker, the store, and one life of the process after another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kunder::doctor::Setting;
use kunder::relay::Relay;
use kunder::service::Service;
use kunder::store::Store;
use kunder_agent_core::agent::AnyAgent;
use kunder_agent_core::clock::Clock;
use kunder_agent_core::journal::Journal;
use kunder_agent_core::runtime::{Runtime, RuntimeConfig};
use kunder_agents::Reader;
use kunder_bus::{Acceptor, Announcer, NatsConfig, Pattern, Source};
use kunder_domain::change::Change;
use kunder_domain::definitions::Definitions;
use kunder_domain::fact::{CustomerId, Fact, FactBody, field};
use tokio::sync::{oneshot, watch};

use crate::broker::{Message, SimBroker};
use crate::chaos::{CHAOS, Chaos, ELSEWHERE, HAVOC};
use crate::faults::{FaultyStore, StoreFaults};
use crate::machine::{ComputeFaults, Machine, Process, SimClock};
use crate::plan::Plan;
use crate::store::{InitialFacts, SimStore};
use crate::watched::Watched;
use crate::witness::Witness;

/// Everything that is not the process under test.
pub const OUTSIDE: Process = Process(0);
/// How long the broker waits for an acknowledgement.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// Messages that are accepted at once, per queue.
const AT_ONCE: usize = 16;
/// A new life begins at the latest so many seconds after the last one ended.
const RESTART_SECONDS: u64 = 20;

/// The four agents, and the one that brings trouble with its twin.
const AGENTS: [&str; 6] = [
    CHAOS,
    "customer-fetching",
    "customer-health",
    HAVOC,
    "onboarding",
    "pipeline",
];

/// The portfolio that every simulation begins with.
pub struct Beginning {
    pub definitions: Arc<Definitions>,
    pub facts: InitialFacts,
    pub customers: Vec<CustomerId>,
    pub at: Timestamp,
}

/// Made once: the same for all seeds.
pub fn beginning() -> &'static Beginning {
    static BEGINNING: OnceLock<Beginning> = OnceLock::new();
    BEGINNING.get_or_init(|| {
        let at: Timestamp = "2026-03-02T08:00:00Z".parse().expect("a well-formed time");
        let zone = jiff::tz::TimeZone::get("Europe/Stockholm").expect("the zone is known");
        let facts = kunder_domain::demo::generate(at.to_zoned(zone.clone()).date(), 1, &zone);
        let named =
            |fact: &Fact| matches!(&fact.body, FactBody::Profile { field, .. } if field == field::NAME);
        let mut customers: Vec<CustomerId> = facts
            .iter()
            .filter(|fact| named(fact))
            .map(|fact| fact.customer.clone())
            .collect();
        customers.sort();
        customers.dedup();
        // A third of the portfolio keeps a simulation short; customers at risk are among them.
        let kept: Vec<CustomerId> = customers.into_iter().step_by(3).collect();
        let facts: Vec<Fact> = facts
            .into_iter()
            .filter(|fact| kept.contains(&fact.customer))
            .collect();
        Beginning {
            definitions: Arc::new(Definitions::shipped()),
            facts: InitialFacts::new(facts, at),
            customers: kept,
            at,
        }
    })
}

/// One simulation.
pub struct World {
    pub machine: Machine,
    pub store: SimStore,
    pub broker: Arc<SimBroker>,
    pub witness: Arc<Witness>,
    pub faults: Arc<Mutex<StoreFaults>>,
    pub plan: Plan,
    /// The listener that hears replies.
    replies: usize,
    /// Set when the process has to die before its next instruction.
    pub dies: Arc<AtomicBool>,
    life: Mutex<Option<Life>>,
    /// How many lives there were, and whether the last one goes on.
    lives: Mutex<(u32, bool)>,
}

/// The process as others reach it.
struct Life {
    service: Service,
    clock: Arc<SimClock>,
    stop: watch::Sender<bool>,
}

impl World {
    #[must_use]
    pub fn new(plan: Plan, recorded: bool) -> Arc<Self> {
        let begin = beginning();
        let machine = Machine::new(plan.seed, begin.at, recorded);
        let outside: Arc<dyn Clock> = machine.clock(OUTSIDE);
        machine.set_faults(plan.faults.compute);
        let config = NatsConfig {
            ack_wait_ms: ACK_WAIT.as_millis().try_into().unwrap_or(u64::MAX),
            ..NatsConfig::new("simulated")
        };
        let broker = SimBroker::new(Arc::clone(&outside), &config, &AGENTS);
        broker.set_faults(plan.faults.broker.clone());
        let others = [ELSEWHERE, "salj", "admin"].map(|process| pattern(&format!("{process}.task.>")));
        broker.add_stream("ELSEWHERE", others.into());
        let replies = broker.listen(pattern("asker.>"));
        Arc::new(Self {
            store: SimStore::on(&begin.facts, Arc::clone(&outside)),
            broker,
            replies,
            witness: Arc::default(),
            faults: Arc::new(Mutex::new(plan.faults.store)),
            dies: Arc::default(),
            life: Mutex::new(None),
            lives: Mutex::default(),
            machine,
            plan,
        })
    }

    fn life(&self) -> MutexGuard<'_, Option<Life>> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a life of the process.
    pub fn begin_life(self: &Arc<Self>) {
        let number = {
            let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
            *lives = (lives.0 + 1, true);
            lives.0
        };
        self.machine.note(|| format!("life {number} begins"));
        let clock = self.machine.clock(Process(number));
        let (world, living) = (Arc::clone(self), Arc::clone(&clock));
        drop(clock.spawn(Box::pin(async move { world.live(living).await })));
    }

    /// The process dies here and now, unless it is dead already. A new life begins a while later.
    pub fn end_life(self: &Arc<Self>) {
        let Some(number) = self.mark_dead() else { return };
        self.machine.note(|| format!("life {number} ends"));
        self.witness.hit("the process died");
        self.machine.kill(Process(number));
        drop(self.life().take());
        self.witness.process_died();
        self.begin_later();
    }

    fn mark_dead(&self) -> Option<u32> {
        let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut lives.1).then_some(lives.0)
    }

    fn begin_later(self: &Arc<Self>) {
        let outside = self.machine.clock(OUTSIDE);
        let millis = self.machine.draw(|dice| dice.below(RESTART_SECONDS * 1_000));
        let (world, clock) = (Arc::clone(self), Arc::clone(&outside));
        drop(outside.spawn(Box::pin(async move {
            let pause = SignedDuration::from_millis(i64::try_from(millis).unwrap_or(0));
            clock.sleep_until(clock.now() + pause).await;
            world.begin_life();
        })));
    }

    /// A stop that lets what runs end, then a new life.
    pub async fn restart(self: &Arc<Self>) {
        let Some(Life { service, clock, stop }) = self.life().take() else {
            return;
        };
        self.witness.hit("the process was stopped");
        stop.send_replace(true);
        let (ended, end) = oneshot::channel();
        drop(clock.spawn(Box::pin(async move {
            service.runtime.drain().await;
            let _ = ended.send(());
        })));
        // Where it dies meanwhile, whoever ended it begins it anew.
        if end.await.is_ok()
            && let Some(number) = self.mark_dead()
        {
            self.machine.note(|| format!("life {number} has come to its end"));
            self.machine.kill(Process(number));
            self.witness.process_died();
            self.begin_later();
        }
    }

    async fn live(self: Arc<Self>, clock: Arc<SimClock>) {
        let store = FaultyStore {
            store: self.store.clone(),
            machine: self.machine.clone(),
            clock: Arc::clone(&clock),
            faults: Arc::clone(&self.faults),
            dies: Arc::clone(&self.dies),
            witness: Arc::clone(&self.witness),
        };
        let reader: Reader = Arc::new(store.clone());
        let runtime = loop {
            let started = Runtime::start(
                self.config(),
                Arc::clone(&clock) as Arc<dyn Clock>,
                Arc::new(store.clone()) as Arc<dyn Journal<Change>>,
                Arc::new(Arc::clone(&reader)),
                agents(&self.machine, &self.witness),
            );
            match started.await {
                Ok(runtime) => break runtime,
                Err(_) => {
                    clock
                        .sleep_until(clock.now() + SignedDuration::from_secs(1))
                        .await
                }
            }
        };
        let (stop, stopped) = watch::channel(false);
        let relay = Relay {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            journal: Arc::new(store.clone()) as Arc<dyn Journal<Change>>,
            bus: Arc::new(Announcer::new(Arc::clone(&self.broker))),
            subjects: runtime.subjects().clone(),
            announced: runtime.announced(),
            stop: stopped.clone(),
        };
        drop(clock.spawn(Box::pin(relay.run())));
        let mut fatal = runtime.fatal();
        let service = Service {
            runtime: runtime.clone(),
            store: Arc::new(store) as Arc<dyn Store>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            facts: Arc::new(Setting {
                data: "simulated".to_owned(),
                bus: "simulated".to_owned(),
                nats: None,
                held: None,
                definitions: "shipped (satori)".to_owned(),
            }),
            refused: Arc::default(),
            storms: Arc::default(),
        };
        let queues = runtime.agents().into_iter().map(|agent| Source::Tasks {
            agent: agent.name().to_string(),
        });
        for source in queues.chain([Source::Inbox]) {
            let acceptor = Acceptor {
                broker: Arc::clone(&self.broker),
                door: Arc::new(service.clone()),
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
                source,
                ack_wait: ACK_WAIT,
            };
            let broker = Arc::clone(&self.broker);
            drop(clock.spawn(Box::pin(broker.consume(acceptor, AT_ONCE, stopped.clone()))));
        }
        *self.life() = Some(Life {
            service,
            clock: Arc::clone(&clock),
            stop,
        });
        if let Ok(cause) = fatal.wait_for(Option::is_some).await {
            let cause = cause.clone().unwrap_or_default();
            // Hangs are planned, and too many of them end the process as they should.
            if cause.contains("hang") {
                self.witness.hit("the process gave up over hangs");
            } else {
                self.witness.broken(format!("the process gave up: {cause}"));
            }
            self.dies.store(true, Ordering::Release);
        }
    }

    fn config(&self) -> RuntimeConfig {
        RuntimeConfig {
            zone: jiff::tz::TimeZone::UTC,
            mailbox: self.plan.mailbox,
            concurrency: self.plan.concurrency,
            gather_limit: Duration::from_secs(30),
            decide_limit: Duration::from_secs(10),
            delivery_limit: Duration::from_secs(4 * 3_600),
            ..RuntimeConfig::default()
        }
    }

    /// Calls the process as a client does; `None` where it is away, or died meanwhile.
    pub async fn call<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        ask: impl FnOnce(Service) -> F + Send,
    ) -> Option<T> {
        let (sender, answer) = oneshot::channel();
        {
            let life = self.life();
            let life = life.as_ref()?;
            let asked = ask(life.service.clone());
            drop(life.clock.spawn(Box::pin(async move {
                let _ = sender.send(asked.await);
            })));
        }
        answer.await.ok()
    }

    /// No mailbox holds more than it may.
    pub fn mailboxes_are_bounded(&self) {
        let life = self.life();
        let Some(runtime) = life.as_ref().map(|life| &life.service.runtime) else {
            return;
        };
        let most = (self.plan.mailbox, runtime.config().window_max());
        for load in runtime.loads() {
            if load.places > most.0 || load.window > most.1 {
                self.witness
                    .broken(format!("a mailbox holds more than {most:?}: {load:?}"));
            }
        }
    }

    /// From now on nothing goes wrong any more.
    pub fn heal(&self) {
        self.machine.note(|| "nothing goes wrong any more".to_owned());
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = StoreFaults::default();
        self.machine.set_faults(ComputeFaults::default());
        self.broker.set_faults(crate::broker::Faults::none());
    }

    /// What came to those who asked for a reply, since this was last asked.
    pub fn heard_replies(&self) -> Vec<Arc<Message>> {
        self.broker.heard(self.replies)
    }

    /// Whether the process is there.
    pub fn lives(&self) -> bool {
        self.life().is_some()
    }
}

fn pattern(text: &str) -> Pattern {
    text.parse().expect("a well-formed pattern")
}

fn agents(machine: &Machine, witness: &Arc<Witness>) -> Vec<Arc<dyn AnyAgent<Reader, Change>>> {
    // They keep no state: every life has the same ones.
    static SHIPPED: OnceLock<Vec<Arc<dyn AnyAgent<Reader, Change>>>> = OnceLock::new();
    let mut agents = SHIPPED
        .get_or_init(|| kunder_agents::all(&beginning().definitions))
        .clone();
    agents.push(Arc::new(Chaos(CHAOS)));
    agents.push(Arc::new(Chaos(HAVOC)));
    agents
        .into_iter()
        .map(|agent| {
            Arc::new(Watched {
                agent,
                machine: machine.clone(),
                witness: Arc::clone(witness),
            }) as Arc<dyn AnyAgent<Reader, Change>>
        })
        .collect()
}
