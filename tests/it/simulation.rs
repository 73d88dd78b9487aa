//! The simulator: what it does to a link, and that a seed gives the same run again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hexapod::{Client, Conditions, Config, MemoryNetwork, Server, Simulator, msg};

use crate::harness::{Network, on_both, until};

type Log = Vec<String>;

const FRAME: Duration = Duration::from_millis(16);

/// A server, and a client behind a simulator, with a clock of their own.
struct Scene {
    server: Server<Log>,
    client: Client<Log>,
    here: Log,
    there: Log,
    now: Instant,
    begun: Instant,
    simulator: Simulator,
    sent: u32,
}

impl Scene {
    fn new(network: &Network, seed: u64, conditions: Conditions) -> Self {
        let (mut server, addr): (Server<Log>, SocketAddr) = network.server(Config::new());
        server.on("n", |ctx, msg| {
            let n: u32 = msg.get("n")?;
            ctx.state.push(n.to_string());
            ctx.send(msg!("n", n: n));
            Ok(())
        });
        server.on_connect(|ctx| ctx.state.push("up".to_owned()));
        server.on_disconnect(|ctx, reason| ctx.state.push(format!("down: {reason}")));
        let simulator = Simulator::new(seed, conditions);
        let mut client = Client::<Log>::with_config(Config::new().quiet(true));
        client.simulate(&simulator);
        match network {
            Network::Tcp => client.connect_to(addr),
            Network::Memory(network) => client.connect_to_memory(network, addr),
        }
        client.on("n", |ctx, msg| {
            let n: u32 = msg.get("n")?;
            ctx.state.push(n.to_string());
            Ok(())
        });
        client.on_connect(|ctx| ctx.state.push("up".to_owned()));
        client.on_disconnect(|ctx, reason| ctx.state.push(format!("down: {reason}")));
        let (here, there, now) = (Log::new(), Log::new(), Instant::now());
        Self { server, client, here, there, now, begun: now, simulator, sent: 0 }
    }

    fn in_memory(seed: u64, conditions: Conditions) -> Self {
        Self::new(&Network::Memory(MemoryNetwork::new()), seed, conditions)
    }

    fn frame(&mut self) {
        self.pass(FRAME);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.client.pump_at(self.now, &mut self.there);
        self.server.pump_at(self.now, &mut self.here);
    }

    fn frames(&mut self, count: usize) {
        (0..count).for_each(|_| self.frame());
    }

    fn send(&mut self) {
        self.client.send(msg!("n", n: self.sent));
        self.sent += 1;
    }

    /// The time that has passed until this many lines were written there.
    fn time_until(&mut self, lines: usize) -> Duration {
        (0..10_000).find(|_| {
            self.frame();
            self.there.len() >= lines
        });
        assert_eq!(self.there.len(), lines);
        self.now - self.begun
    }
}

/// `up`, then the numbers below an end, each once and in order.
fn counted(log: &[String], end: u32) -> bool {
    log.iter().cloned().eq(["up".to_owned()].into_iter().chain((0..end).map(|n| n.to_string())))
}

#[test]
fn latency_is_what_it_says() {
    let ms = Duration::from_millis;
    let mut scene = Scene::in_memory(1, Conditions::new().latency(ms(100)));
    // Connecting in memory is at once; the greeting comes after one latency.
    let up = scene.time_until(1);
    assert!((ms(100)..ms(100) + 4 * FRAME).contains(&up), "{up:?}");
    scene.send();
    let begun = scene.now;
    scene.time_until(2);
    let trip = scene.now - begun;
    assert!((ms(200)..ms(200) + 4 * FRAME).contains(&trip), "{trip:?}");
    scene.frames(400);
    let measured = scene.client.round_trip().expect("measured").min;
    assert!((ms(200)..ms(200) + 4 * FRAME).contains(&measured), "{measured:?}");
}

#[test]
fn bandwidth_is_what_it_says() {
    let mut scene = Scene::in_memory(2, Conditions::new().bandwidth(10_000));
    scene.time_until(1);
    let begun = scene.now;
    scene.client.send(msg!("big", bytes: vec![0_u8; 20_000]));
    scene.send();
    scene.time_until(2);
    let took = (scene.now - begun).as_secs_f64();
    assert!((2.0..2.2).contains(&took), "{took}");
}

#[test]
fn every_seed_delivers_all_in_order_and_the_same_seed_does_the_same() {
    let weather = Conditions::new()
        .latency(Duration::from_millis(30))
        .jitter(Duration::from_millis(60))
        .bandwidth(50_000)
        .max_piece(40)
        .stall_every(Duration::from_millis(700))
        .stall_for(Duration::from_millis(200));
    let play = |seed| {
        let mut scene = Scene::in_memory(seed, weather);
        let mut times = Vec::new();
        for frame in 0..1500 {
            if frame < 400 && frame % 4 == 0 {
                scene.send();
            }
            scene.frame();
            times.push(scene.there.len());
        }
        assert!(counted(&scene.here, 100), "seed {seed}: {:?}", scene.here);
        assert!(counted(&scene.there, 100), "seed {seed}: {:?}", scene.there);
        times
    };
    for seed in 0..20 {
        assert_eq!(play(seed), play(seed), "seed {seed}");
    }
    assert_ne!(play(1), play(2));
}

#[test]
fn resets_end_a_link_once_on_each_side_with_a_prefix_of_what_was_sent() {
    for seed in 0..50 {
        let weather = Conditions::new().max_piece(30).reset_every(Duration::from_secs(2));
        let mut scene = Scene::in_memory(seed, weather);
        for _ in 0..2000 {
            if scene.client.is_connected() {
                scene.send();
            }
            scene.frame();
        }
        assert_eq!(scene.there.last().map(String::as_str), Some("down: connection reset"));
        let heard = scene.there.len() - 2;
        assert!(counted(&scene.there[..heard + 1], heard as u32), "{:?}", scene.there);
        let heard = scene.here.len() - 2;
        assert!(scene.here[heard + 1].starts_with("down: "), "{:?}", scene.here);
        assert!(counted(&scene.here[..heard + 1], heard as u32), "{:?}", scene.here);
        assert!(scene.server.peers().next().is_none());
    }
}

/// The cable is pulled: both ends find out by themselves, and say why.
#[test]
fn a_pulled_cable_ends_in_a_timeout_on_both_sides_and_a_short_pull_does_not() {
    on_both(|network| {
        let mut scene = Scene::new(&network, 3, Conditions::new());
        until(|| {
            scene.frame();
            scene.client.round_trip().is_some()
        });
        scene.simulator.unplug();
        scene.frames(600); // some ten seconds
        scene.send();
        scene.simulator.plug_in();
        until(|| {
            scene.frame();
            scene.there.len() == 2
        });
        assert!(counted(&scene.there, 1));

        scene.simulator.unplug();
        scene.frames(1400); // more than twenty seconds
        assert_eq!(scene.here[2..], ["down: silent for too long"]);
        assert_eq!(scene.there[2..], ["down: silent for too long"]);
    });
}

/// Nothing is heard through a cable that is pulled, not even of who leaves; and then all of it is.
#[test]
fn who_leaves_behind_a_pulled_cable_has_left_when_it_is_back() {
    on_both(|network| {
        let mut scene = Scene::new(&network, 8, Conditions::new());
        until(|| {
            scene.frame();
            scene.there.len() == 1
        });
        scene.simulator.unplug();
        scene.send();
        scene.client.pump_at(scene.now, &mut scene.there);
        scene.client = Client::with_config(Config::new());
        scene.frames(60);
        assert_eq!(scene.here, ["up"]);
        scene.simulator.plug_in();
        until(|| {
            scene.pass(Duration::from_micros(50));
            scene.here.len() == 3
        });
        assert_eq!(scene.here, ["up", "0", "down: closed by the peer"]);
    });
}

#[test]
fn who_leaves_behind_a_pulled_cable_is_gone_with_a_reset_and_with_the_simulator() {
    for is_reset in [true, false] {
        let mut scene = Scene::in_memory(9, Conditions::new());
        scene.time_until(1);
        scene.simulator.unplug();
        scene.send();
        scene.client.pump_at(scene.now, &mut scene.there);
        scene.client = Client::with_config(Config::new());
        scene.frames(60);
        assert_eq!(scene.here, ["up"]);
        match is_reset {
            true => scene.simulator.reset_all(),
            false => scene.simulator = Simulator::new(0, Conditions::new()),
        }
        scene.frame();
        // The message was still on its way, and is lost.
        assert_eq!(scene.here.len(), 2);
        assert!(scene.here[1].starts_with("down: "), "{:?}", scene.here);
    }
}

/// As behind a pulled cable; what goes on with it here is the clock of those who stay.
#[test]
fn who_leaves_in_a_stall_has_left_when_it_is_over() {
    let second = Duration::from_secs(1);
    for has_company in [true, false] {
        let network = MemoryNetwork::new();
        let mut scene = Scene::new(&Network::Memory(network.clone()), 10, Conditions::new());
        let addr = scene.server.local_addrs().next().expect("it listens");
        let mut company = Client::<()>::with_config(Config::new());
        if has_company {
            company.simulate(&scene.simulator);
            company.connect_to_memory(&network, addr);
        }
        for _ in 0..6 {
            scene.frame();
            company.pump_at(scene.now, &mut ());
        }
        scene.here.clear();
        let stall = Conditions::new().stall_every(Duration::from_nanos(1)).stall_for(second);
        scene.simulator.set(stall);
        scene.frame();
        scene.send();
        scene.client.pump_at(scene.now, &mut scene.there);
        scene.simulator.set(Conditions::new());
        let begun = scene.now;
        scene.client = Client::with_config(Config::new());
        while scene.here.is_empty() {
            scene.frame();
            company.pump_at(scene.now, &mut ());
        }
        // Where nobody stays, nobody could wait for its end.
        let waited = scene.now - begun;
        assert_eq!(waited >= second - FRAME, has_company, "{waited:?}");
        scene.frame();
        assert_eq!(scene.here, ["0", "down: closed by the peer"]);
    }
}

#[test]
fn no_more_are_kept_behind_a_pulled_cable_than_can_be() {
    let network = MemoryNetwork::new();
    let config = Config::new().max_peers(400).max_peers_per_address(400);
    let (mut server, addr) = Network::Memory(network.clone()).server::<Log, ()>(config);
    server.on_disconnect(|ctx, _| ctx.state.push(format!("{:03}", ctx.peer().number())));
    let simulator = Simulator::new(11, Conditions::new());
    let (mut log, mut now) = (Log::new(), Instant::now());
    let mut clients: Vec<Client<()>> = Vec::new();
    for _ in 0..300 {
        let mut client = Client::with_config(Config::new());
        client.simulate(&simulator);
        client.connect_to_memory(&network, addr);
        clients.push(client);
    }
    let mut pump = |clients: &mut Vec<Client<()>>, log: &mut Log| {
        now += FRAME;
        for client in &mut *clients {
            client.pump_at(now, &mut ());
        }
        server.pump_at(now, log);
    };
    (0..3).for_each(|_| pump(&mut clients, &mut log));
    simulator.unplug();
    clients.clear();
    pump(&mut clients, &mut log);
    // The oldest had to go.
    log.sort_unstable();
    assert!(log.iter().cloned().eq((1..=44).map(|n| format!("{n:03}"))), "{log:?}");
    simulator.plug_in();
    pump(&mut clients, &mut log);
    assert_eq!(log.len(), 300);
}

#[test]
fn conditions_change_while_a_link_is_up() {
    let mut scene = Scene::in_memory(4, Conditions::new());
    scene.time_until(1);
    scene.simulator.set(Conditions::new().latency(Duration::from_millis(500)));
    assert_eq!(scene.simulator.conditions().latency, Duration::from_millis(500));
    scene.send();
    let begun = scene.now;
    scene.time_until(2);
    assert!(scene.now - begun >= Duration::from_secs(1));
}

#[test]
fn a_half_close_is_the_end_of_what_is_said() {
    on_both(|network| {
        let mut scene = Scene::new(&network, 5, Conditions::new());
        until(|| {
            scene.frame();
            scene.there.len() == 1
        });
        scene.send();
        scene.frame();
        scene.simulator.half_close_all();
        until(|| {
            // Slowly, or the time to close would be over before real sockets have said anything.
            scene.pass(Duration::from_micros(50));
            scene.here.len() == 3 && scene.there.len() == 3
        });
        assert_eq!(scene.here, ["up", "0", "down: closed by the peer"]);
        assert_eq!(scene.there[..2], ["up", "0"]);
        assert!(scene.there[2].starts_with("down: "), "{:?}", scene.there);
    });
}

#[test]
fn a_reset_of_all_and_a_server_behind_a_simulator() {
    let network = MemoryNetwork::new();
    let simulator = Simulator::new(6, Conditions::new());
    let mut server = Server::<Log>::with_config(Config::new());
    server.simulate(&simulator);
    server.on_disconnect(|ctx, reason| ctx.state.push(reason.to_string()));
    let addr = SocketAddr::from(([10, 0, 0, 1], 5071));
    server.listen_memory(&network, addr, hexapod::Dialect::REPOD).expect("free");
    let mut clients: Vec<_> =
        (0..3).map(|_| Client::<()>::connect_memory(&network, addr)).collect();
    let mut log = Log::new();
    let mut pump = |log: &mut Log| {
        clients.iter_mut().for_each(|client| {
            client.pump(&mut ());
        });
        server.pump(log);
        server.peers().count()
    };
    until(|| pump(&mut log) == 3);
    simulator.reset_all();
    until(|| pump(&mut log) == 0);
    assert_eq!(log, ["connection reset"; 3]);
}
