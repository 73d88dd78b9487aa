//! The lag time of hexapods and of old clients.

use std::io::Write;

use hexapod::msg;

use super::old::{Json, Old, PodSixNet};
use super::{Program, framed, greeted, reads, serving, serving_all};

#[test]
fn the_lag_time_of_a_hexapod_and_of_an_old_client_is_measured() {
    let (mut server, addr) = serving(Program::example("lag_time", ["serve", "127.0.0.1:0"]));
    let mut player = Program::example("lag_time", ["join", &addr, "5"]);
    player.says("it is over: closed by this side");
    assert_eq!(player.ends(), Some(0));
    let line = server.line_with(|line| line.starts_with("#1 ") && line.contains("left"), "#1");
    assert!(line.contains(" 5   ") && line.ends_with("   left: closed by the peer"), "{line}");

    // What an old client does: it says the same back, eleven times, and leaves.
    let mut stream = greeted(&addr);
    for count in 0..=10_u8 {
        let ping = framed(&msg!("ping", count: count));
        reads(&mut stream, &ping);
        stream.write_all(&ping).expect("a stream");
    }
    // Who says something else back is told off, and measured no further.
    stream.write_all(&framed(&msg!("ping", count: 3))).expect("a stream");
    let told = "11 is on its way, and 3 came back";
    server.line_with(|line| line.contains(told), told);
    drop(stream);
    let line = server.line_with(|line| line.starts_with("#2 ") && line.contains("left"), "#2");
    assert!(line.contains(" 11   "), "{line}");
}

#[test]
fn the_lag_time_is_measured_in_every_dialect() {
    let mut served = serving_all("lag_time");
    let mut old = PodSixNet::joins(&served.podsixnet);
    for count in 0..=10 {
        let ping = format!("{{'action': 'ping', 'count': {count}}}");
        old.hears(&ping);
        old.says(&ping);
    }
    drop(old);
    let line = served.program.line_with(|line| line.contains("left"), "left");
    assert!(line.starts_with("#1 ") && line.contains(" 11   "), "{line}");

    let mut player = Program::example("lag_time", ["join", &served.podsixnet, "5", "--podsixnet"]);
    player.says("it is over: closed by this side");
    assert_eq!(player.ends(), Some(0));
    served.program.line_with(|line| line.contains(" 5   ") && line.contains("left"), "#2");

    let Some(json) = served.json else { return };
    let mut old = Json::joins(&json);
    for count in 0..=2 {
        let ping = format!(r#"{{"action":"ping","count":{count}}}"#);
        old.hears(&ping);
        old.says(&ping);
    }
    drop(old);
    served.program.line_with(|line| line.contains(" 3   ") && line.contains("left"), "#3");
    let mut player = Program::example("lag_time", ["join", "--json", &json, "5"]);
    player.says("it is over: closed by this side");
    assert_eq!(player.ends(), Some(0));
}
