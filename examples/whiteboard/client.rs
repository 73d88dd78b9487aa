//! The client: draws the insect, waits until the board has shown all of it, and saves what it saw.
//!
//! It says what a Python client of its dialect says. It understands both schemas of `server.rs` in
//! any dialect, so it can join a whiteboard server in Python as well.

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use hexapod::{Client, Config, Dialect, FromValue, HandlerError, MapRef, Message, Tuple};
use hexapod::{ValueError, ValueRef, msg};

use crate::figure;
use crate::svg::svg;

/// How a line looks of which nobody has said it.
pub(crate) const COLOR: (u8, u8, u8) = (0, 0, 0);
pub(crate) const THICKNESS: u8 = 3;

/// How long the board may take to show the insect.
const PATIENCE: Duration = Duration::from_secs(10);

/// A line as it is seen here.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) color: (u8, u8, u8),
    pub(crate) thickness: u8,
}

/// What has been seen of the board.
#[derive(Default)]
struct View {
    /// Every line with the id of who has drawn it, in the order in which they came.
    lines: Vec<(String, Line)>,
    /// This player's own id.
    me: Option<String>,
    /// How it ended, once it has.
    end: Option<Result<(), String>>,
}

pub(crate) fn draw_and_save(
    addr: &str,
    dialect: Dialect,
    file: &str,
) -> Result<(), Box<dyn Error>> {
    let mut net = Client::<View>::with_config(Config::new().dialect(dialect));
    net.on("initial", |ctx, msg| ctx.state.initial(msg))
        .on("startline", |ctx, msg| ctx.state.begin(msg))
        .on("drawpoint", |ctx, msg| {
            let (id, point): (&str, (f64, f64)) = (msg.get("id")?, msg.get("point")?);
            match ctx.state.lines.iter_mut().rfind(|(whose, _)| whose == id) {
                Some((_, line)) => line.points.push(point),
                None => ctx.state.begin(msg)?,
            }
            Ok(())
        })
        .on_any(|ctx, _| {
            if ctx.state.shows_my_insect() {
                ctx.state.end.get_or_insert(Ok(()));
                ctx.close();
            }
        })
        // Who is here is shown by clients with a window.
        .on_unhandled(|_, _| {})
        .on_error(|view, fault| {
            view.end.get_or_insert_with(|| Err(fault.to_string()));
        })
        .on_connect_failed(|ctx, error| ctx.state.end = Some(Err(error.to_string())))
        .on_disconnect(|ctx, reason| {
            let early = || Err(format!("the board was gone before all was drawn: {reason}"));
            ctx.state.end.get_or_insert_with(early);
        });
    net.connect_to(addr);
    for stroke in figure::insect() {
        for (at, point) in stroke.into_iter().enumerate() {
            // Until the connection is up, this is kept.
            net.send(match (at, dialect == Dialect::PODSIXNET) {
                (0, true) => msg!("startline", point: Tuple(point)),
                (_, true) => msg!("drawpoint", point: Tuple(point)),
                (0, _) => msg!("startline", point: point, color: COLOR, thickness: THICKNESS),
                (_, _) => msg!("drawpoint", point: point),
            });
        }
    }

    let mut view = View::default();
    let deadline = Instant::now() + PATIENCE;
    net.pump_until(&mut view, deadline, |view| view.end.is_some());
    let late = || Err(format!("{addr} has not shown what was drawn within {PATIENCE:?}"));
    view.end.take().unwrap_or_else(late)?;
    net.shutdown(&mut view, PATIENCE);
    let lines = view.lines.iter().map(|(_, line)| line);
    fs::write(file, svg(lines)).map_err(|error| format!("cannot write {file}: {error}"))?;
    println!("{} lines of the board are in {file}", view.lines.len());
    Ok(())
}

impl View {
    /// Takes what was drawn before.
    fn initial(&mut self, msg: &Message<'_>) -> Result<(), HandlerError> {
        let mut newest = 0;
        for (id, drawing) in msg.get::<MapRef<'_>>("lines")?.iter() {
            let (id, drawing): (&str, MapRef<'_>) = (id.get()?, drawing.get()?);
            // Ids count up, and this player came last.
            let number: u64 = id.parse()?;
            if number > newest {
                (newest, self.me) = (number, Some(id.to_owned()));
            }
            let color = field(drawing, "color")?.unwrap_or(COLOR);
            for line in field::<Vec<ValueRef<'_>>>(drawing, "lines")?.unwrap_or_default() {
                // PodSixNet's lines are nothing but points, in the color of the player.
                let line = match line {
                    ValueRef::Map(line) => Line {
                        points: field(line, "points")?.unwrap_or_default(),
                        color: field(line, "color")?.unwrap_or(COLOR),
                        thickness: field(line, "thickness")?.unwrap_or(THICKNESS),
                    },
                    points => Line { points: points.get()?, color, thickness: THICKNESS },
                };
                self.lines.push((id.to_owned(), line));
            }
        }
        Ok(())
    }

    fn begin(&mut self, msg: &Message<'_>) -> Result<(), HandlerError> {
        let line = Line {
            points: vec![msg.get("point")?],
            color: msg.get::<Option<_>>("color")?.unwrap_or(COLOR),
            thickness: msg.get::<Option<_>>("thickness")?.unwrap_or(THICKNESS),
        };
        self.lines.push((msg.get("id")?, line));
        Ok(())
    }

    fn shows_my_insect(&self) -> bool {
        let mine = self.lines.iter().filter(|(id, _)| self.me.as_ref() == Some(id));
        let seen = mine.map(|(_, line)| line.points.clone());
        let float = |(x, y)| (f64::from(x), f64::from(y));
        seen.eq(figure::insect()
            .into_iter()
            .map(|it| it.into_iter().map(float).collect::<Vec<_>>()))
    }
}

/// A field that may be missing.
fn field<'v, T: FromValue<'v>>(map: MapRef<'v>, key: &str) -> Result<Option<T>, ValueError> {
    map.get(key).map(ValueRef::get).transpose().map_err(|error| error.at_key(key))
}
