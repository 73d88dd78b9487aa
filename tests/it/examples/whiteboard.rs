//! The whiteboard: two Python libraries' boards on one server, and what is saved of it.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use hexapod::{Outgoing, Value, msg};

use super::old::{Json, Old, PodSixNet, Repod};
use super::{Program, accepted, example, serving_all};

/// A file of a test's own.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}.svg", std::process::id()))
}

/// Joins, and returns what was saved.
#[track_caller]
fn saved(addr: &str, dialect: Option<&str>) -> String {
    let file = file(&addr.replace(':', "-"));
    let mut command = Command::new(example("whiteboard"));
    command.args(["join", addr]).args(dialect).arg("--save").arg(&file);
    let mut program = Program::start(&mut command);
    assert_eq!(program.ends(), Some(0), "{:?}", program.seen());
    let svg = fs::read_to_string(&file).expect("what was saved");
    fs::remove_file(&file).expect("a file");
    svg
}

/// The lines of an SVG: each with the points, and how they are drawn.
#[track_caller]
fn polylines(svg: &str) -> Vec<(Vec<(f64, f64)>, &str)> {
    let (head, body) = svg.split_once("<g ").expect("a group");
    assert!(head.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\""), "{head}");
    let body = body.split_once(">\n").and_then(|(_, body)| body.strip_suffix("</g>\n</svg>\n"));
    let line = |line| -> Option<_> {
        let (points, style) = str::strip_prefix(line, "<polyline points=\"")?.split_once("\" ")?;
        let point = |point: &str| {
            let (x, y) = point.split_once(',')?;
            Some((x.parse().ok()?, y.parse().ok()?))
        };
        Some((points.split(' ').map(point).collect::<Option<_>>()?, style.strip_suffix("/>")?))
    };
    body.expect("an end")
        .lines()
        .map(|text| line(text).unwrap_or_else(|| panic!("{text}")))
        .collect()
}

#[test]
fn the_insect_is_saved_alike_in_every_dialect() {
    let served = serving_all("whiteboard");
    let svg = saved(&served.repod, None);
    let lines = polylines(&svg);
    assert_eq!(lines.len(), 15);
    for (points, style) in &lines {
        assert!(points.len() > 2 || points[0] == (320.0, 236.0), "{points:?}");
        assert!(points.iter().all(|(x, y)| (0.0..640.0).contains(x) && (0.0..480.0).contains(y)));
        assert_eq!(*style, r#"stroke="rgb(0,0,0)" stroke-width="3""#);
    }
    // A leg, and the one on the other side.
    for leg in [[(278.0, 185.0), (180.0, 180.0)], [(362.0, 185.0), (460.0, 180.0)]] {
        assert_eq!(lines.iter().filter(|(points, _)| points.starts_with(&leg)).count(), 1);
    }
    assert_eq!(saved(&served.podsixnet, Some("--podsixnet")), svg);
    if let Some(json) = &served.json {
        assert_eq!(saved(json, Some("--json")), svg);
    }
    // Who goes takes their drawing along, so there was nothing else on the board.
    let mut late = Repod::joins(&served.repod);
    let id = if served.json.is_some() { "4" } else { "3" };
    let nothing = Value::Map(vec![("lines".into(), Value::Array(Vec::new()))]);
    late.hears(&msg!("initial", lines: Value::Map(vec![(id.into(), nothing)])));
}

#[test]
fn both_boards_show_what_all_draw() {
    let mut served = serving_all("whiteboard");
    // What PodSixNet's client does: it shows only what comes back, and a pen that is lifted says
    // where once more.
    let mut pia = PodSixNet::joins(&served.podsixnet);
    pia.hears("{'action': 'initial', 'lines': {'1': {'color': [168, 0, 84], 'lines': []}}}");
    pia.hears("{'action': 'players', 'players': {'1': [168, 0, 84]}, 'count': 1}");
    pia.says("{'action': 'startline', 'point': (10, 200)}");
    pia.says("{'action': 'drawpoint', 'point': (11, 200)}");
    pia.says("{'action': 'drawpoint', 'point': (11, 200)}");
    pia.hears(
        "{'action': 'startline', 'point': (10, 200), 'color': [0, 0, 0], 'thickness': 3, \
         'id': '1'}",
    );
    for _ in 0..2 {
        pia.hears("{'action': 'drawpoint', 'point': (11, 200), 'id': '1'}");
    }

    // What repod's does.
    let mut rob = Repod::joins(&served.repod);
    let map = |pairs: &[(&str, Value)]| {
        Value::Map(pairs.iter().map(|(key, value)| ((*key).into(), value.clone())).collect())
    };
    let list = |items: &[i64]| Value::Array(items.iter().map(|it| Value::from(*it)).collect());
    // Points of PodSixNet's are tuples, which are arrays with a longer head: not the same bytes.
    rob.waits_for(&msg!(
        "players",
        players: map(&[("1", list(&[168, 0, 84])), ("2", list(&[0, 84, 168]))]),
        count: 2
    ));
    rob.says(&msg!("startline", point: (1, 2), color: [255, 0, 255], thickness: 7));
    rob.says(&msg!("drawpoint", point: (1.5, -2)));
    let mut hears = |rob: &mut Repod, message: Outgoing, python: &str| {
        rob.waits_for(&message);
        pia.waits_for(python);
    };
    let color = (255, 0, 255);
    hears(
        &mut rob,
        msg!("startline", point: (1, 2), color: color, thickness: 7, id: "2"),
        "{'action': 'startline', 'point': [1, 2], 'color': [255, 0, 255], 'thickness': 7, \
         'id': '2'}",
    );
    hears(
        &mut rob,
        msg!("drawpoint", point: (1.5, -2), id: "2"),
        "{'action': 'drawpoint', 'point': [1.5, -2], 'id': '2'}",
    );

    // Each newcomer is shown all of it in the shape of its own board.
    let mut zoe = PodSixNet::joins(&served.podsixnet);
    zoe.hears(
        "{'action': 'initial', 'lines': {\
         '1': {'color': [168, 0, 84], 'lines': [[(10, 200), (11, 200), (11, 200)]]}, \
         '2': {'color': [0, 84, 168], 'lines': [[[1, 2], [1.5, -2]]]}, \
         '3': {'color': [84, 168, 0], 'lines': []}}}",
    );
    drop(zoe);
    let mut last = "3";
    if let Some(json) = &served.json {
        last = "4";
        Json::joins(json).hears(concat!(
            r#"{"action":"initial","lines":{"#,
            r#""1":{"lines":[{"points":[[10,200],[11,200],[11,200]],"#,
            r#""color":[0,0,0],"thickness":3}]},"#,
            r#""2":{"lines":[{"points":[[1,2],[1.5,-2]],"color":[255,0,255],"thickness":7}]},"#,
            r#""4":{"lines":[]}}}"#,
        ));
    }
    served.program.begins(&format!("{last} left: "));
    // What is saved holds what was there before, in the colors that the dialect knows of.
    for (addr, dialect, first, second) in [
        (&served.repod, None, ("0,0,0", 3), ("255,0,255", 7)),
        (&served.podsixnet, Some("--podsixnet"), ("168,0,84", 3), ("0,84,168", 3)),
    ] {
        let svg = saved(addr, dialect);
        let lines = polylines(&svg);
        assert_eq!(lines.len(), 17);
        let style =
            |(color, thickness)| format!(r#"stroke="rgb({color})" stroke-width="{thickness}""#);
        assert_eq!(lines[0].0, [(10.0, 200.0), (11.0, 200.0), (11.0, 200.0)]);
        assert_eq!(lines[1].0, [(1.0, 2.0), (1.5, -2.0)]);
        assert_eq!((lines[0].1, lines[1].1), (&*style(first), &*style(second)));
    }

    // Who goes is no player any more, and takes their drawing along.
    drop(rob);
    pia.waits_for("{'action': 'players', 'players': {'1': [168, 0, 84]}, 'count': 1}");
}

#[test]
fn the_board_holds_what_is_sound_and_fits() {
    let served = serving_all("whiteboard");
    let mut pia = PodSixNet::joins(&served.podsixnet);
    let mut rob = Repod::joins(&served.repod);
    // PodSixNet's clients would fall over a line that goes on and never began.
    rob.says(&msg!("drawpoint", point: (1, 1)));
    pia.waits_for(
        "{'action': 'startline', 'point': [1, 1], 'color': [0, 0, 0], 'thickness': 3, 'id': '2'}",
    );
    for broken in [
        msg!("drawpoint"),
        msg!("drawpoint", point: ()),
        msg!("drawpoint", point: (1, 2, 3)),
        msg!("drawpoint", point: ("1", "2")),
        msg!("drawpoint", point: (f64::NAN, 0)),
        msg!("drawpoint", point: (0, f64::NEG_INFINITY)),
        msg!("drawpoint", point: (1_000_001, 0)),
        msg!("drawpoint", point: (1e300, 0)),
        msg!("drawpoint", point: (u64::MAX, 0)),
        msg!("startline", point: (0, 0), color: [1, 2]),
        msg!("startline", point: (0, 0), color: [0, 0, 256]),
        msg!("startline", point: (0, 0), thickness: -1),
    ] {
        rob.says(&broken);
    }
    rob.says(&msg!("drawpoint", point: (2, 2)));
    pia.hears("{'action': 'drawpoint', 'point': [2, 2], 'id': '2'}");

    // More than fits a frame, of numbers that take the most room, by one who never lifts the pen.
    let count = 20_000;
    for n in 0..count {
        rob.says(&msg!("drawpoint", point: (f64::from(n) / 3e9, f64::from(n) / -3e9)));
        if n % 1000 == 999 {
            let at = |sign| (f64::from(n) / sign) as f32;
            let point = format!("[{:?}, {:?}]", at(3e9), at(-3e9));
            pia.waits_for(&format!("{{'action': 'drawpoint', 'point': {point}, 'id': '2'}}"));
            rob.waits_for(
                &msg!("drawpoint", point: (f64::from(n) / 3e9, f64::from(n) / -3e9), id: "2"),
            );
        }
    }
    pia.says("{'action': 'startline', 'point': (7, 8)}");
    pia.waits_for(
        "{'action': 'startline', 'point': (7, 8), 'color': [0, 0, 0], 'thickness': 3, 'id': '1'}",
    );
    let addrs = [
        (Some(&served.repod), None),
        (Some(&served.podsixnet), Some("--podsixnet")),
        (served.json.as_ref(), Some("--json")),
    ];
    for (addr, dialect) in addrs {
        let Some(addr) = addr else { continue };
        let svg = saved(addr, dialect);
        let lines = polylines(&svg);
        // What was small stays, and most of what is new is there.
        assert_eq!(lines[0].0, [(7.0, 8.0)]);
        let points: Vec<_> = lines[1..lines.len() - 15].iter().flat_map(|it| &it.0).collect();
        assert!((14_000..=16_000).contains(&points.len()), "{}", points.len());
        let newest = f64::from(count - 1) / 3e9;
        assert!((points[points.len() - 1].0 - newest).abs() < 1e-9);
    }
}

#[test]
fn whoever_cannot_save_says_why() {
    let served = serving_all("whiteboard");
    let join = |args: &[&str]| {
        let mut program =
            Program::start(Command::new(example("whiteboard")).arg("join").args(args));
        let code = program.ends();
        (code, program.seen().join("\n"))
    };
    let (code, said) = join(&[&served.repod]);
    assert!(code == Some(2) && said.starts_with("error: usage: whiteboard serve "), "{said}");
    let nowhere = file("no-folder").join("x.svg");
    let nowhere = nowhere.to_str().expect("UTF-8");
    let (code, said) = join(&[&served.repod, "--save", nowhere]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with(&format!("error: whiteboard: cannot write {nowhere}: ")), "{said}");
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let (code, said) = join(&["--save", nowhere, &nobody.to_string()]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with(&format!("error: whiteboard: nobody listens at {nobody}")), "{said}");

    // A board that ends too early.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address").to_string();
    let args = ["join", &addr, "--podsixnet", "--save", nowhere];
    let mut program = Program::example("whiteboard", args);
    let mut server = PodSixNet::on(accepted(&listener));
    server.says("{'action': 'connected'}");
    server.says("{'action': 'initial', 'lines': {'1': {'color': [168, 0, 84], 'lines': []}}}");
    server.hears("{'action': 'startline', 'point': (352, 105)}");
    server.hears("{'action': 'drawpoint', 'point': (351, 112)}");
    drop(server);
    program.begins("error: whiteboard: the board was gone before all was drawn: ");
    assert_eq!(program.ends(), Some(1));
}
