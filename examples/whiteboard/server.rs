//! The server: who is here, and what each has drawn.
//!
//! It says everything in the words of two Python whiteboards at once, PodSixNet's and repod's. Only
//! what was drawn before has one name in both and two shapes, and goes out in that of the newcomer;
//! to those who speak JSON in repod's:
//!
//! ```text
//! to the server   startline {point}, or {point, color, thickness}      drawpoint {point}
//! to everybody    startline {point, color, thickness, id}              drawpoint {point, id}
//!                 players {players: {id: color}, count}                when one comes or goes
//! to a newcomer   initial {lines: {id: {color, lines: [[point, …], …]}}}                PodSixNet
//!                 initial {lines: {id: {lines: [{points, color, thickness}, …]}}}       repod
//! ```
//!
//! An id is a number as text, from "1" up. Who comes is in their own `initial`, and who goes takes
//! their drawing along. A point is two numbers and is passed on as it came. A line without a color
//! is black, on PodSixNet's boards it has its player's color.
//!
//! What a newcomer is shown has to fit one frame: where there is more, the oldest line of whoever
//! has drawn most is forgotten. Those who have seen it keep it.

use std::collections::VecDeque;

use hexapod::{ArrayRef, Context, Dialect, Encoder, FromValue, HandlerError, IntoValue, Message};
use hexapod::{Outgoing, Server, Value, ValueError, ValueRef, msg};

use crate::client::{COLOR, THICKNESS};

const TURNS_PER_SECOND: u32 = 60;

/// How far a point may be from the corner. Every dialect can say such a number.
const FARTHEST: f64 = 1e6;

/// How much may be drawn in all: a point counts one, and a line three more. A point has at most 52
/// bytes in any dialect, and no share has four values: all is within a frame's 1 MiB and 65,536.
const ROOM: usize = 16_000;

/// How long a line may be. One that goes on is kept as two, the second from where the first ends,
/// so that the oldest part of it can be forgotten.
const LINE_POINTS: usize = 500;

/// The board, beside what its players have drawn: how many have come so far.
#[derive(Default)]
pub(crate) struct Board {
    came: u64,
}

/// Somebody who draws.
#[derive(Default)]
pub(crate) struct Player {
    number: u64,
    lines: VecDeque<Line>,
    /// How much of [`ROOM`] the lines take.
    size: usize,
}

struct Line {
    points: Vec<Point>,
    color: (u8, u8, u8),
    thickness: u8,
}

/// A point as it came: whole numbers stay whole, and a tuple of PodSixNet's stays a tuple.
#[derive(Clone)]
struct Point {
    x: Value,
    y: Value,
    is_tuple: bool,
}

/// Serves until the program is ended.
pub(crate) fn serve(mut server: Server<Board, Player>) {
    server
        .on_connect(|ctx| {
            ctx.state.came += 1;
            ctx.data_mut().number = ctx.state.came;
            println!("{} came from {} ({})", ctx.state.came, ctx.addr(), ctx.dialect().name());
            let initial = initial(ctx);
            ctx.send(initial);
            ctx.broadcast(players(ctx));
        })
        .on("startline", begin)
        .on("drawpoint", |ctx, msg| {
            let point: Point = msg.get("point")?;
            let player = ctx.data_mut();
            if !player.go_on(&point) {
                // PodSixNet's clients would not know which line goes on.
                return begin(ctx, msg);
            }
            let id = player.id();
            ctx.broadcast(msg!("drawpoint", point: point, id: id));
            make_room(ctx);
            Ok(())
        })
        .on_disconnect(|ctx, reason| {
            println!("{} left: {reason}", ctx.data().id());
            ctx.broadcast(players(ctx));
        });
    server.run(&mut Board::default(), TURNS_PER_SECOND, |_, _| {});
}

/// A line begins.
fn begin(ctx: &mut Context<'_, Board, Player>, msg: &Message<'_>) -> Result<(), HandlerError> {
    let point: Point = msg.get("point")?;
    let color = msg.get::<Option<_>>("color")?.unwrap_or(COLOR);
    let thickness = msg.get::<Option<_>>("thickness")?.unwrap_or(THICKNESS);
    let player = ctx.data_mut();
    player.add(Line { points: vec![point.clone()], color, thickness });
    let id = player.id();
    ctx.broadcast(msg!("startline", point: point, color: color, thickness: thickness, id: id));
    make_room(ctx);
    Ok(())
}

/// Forgets lines until there is room enough for all that is left.
fn make_room(ctx: &mut Context<'_, Board, Player>) {
    while ctx.peers().map(|peer| peer.data().size).sum::<usize>() > ROOM {
        let most = ctx.peers().max_by_key(|peer| peer.data().size).map(|peer| peer.id());
        let Some(mut peer) = most.and_then(|id| ctx.get_mut(id)) else { return };
        peer.data_mut().forget_oldest();
    }
}

/// What a newcomer is shown, in the shape that its whiteboard knows.
fn initial(ctx: &Context<'_, Board, Player>) -> Outgoing {
    let of_podsixnet = ctx.dialect() == Dialect::PODSIXNET;
    let drawings = ctx.peers().map(|peer| Drawing { player: peer.data(), of_podsixnet });
    let drawings = drawings.map(|drawing| (drawing.player.id(), drawing));
    msg!("initial", lines: ById(drawings.collect()))
}

fn players(ctx: &Context<'_, Board, Player>) -> Outgoing {
    let colors = ctx.peers().map(|peer| (peer.data().id(), peer.data().color()));
    let colors = ById(colors.collect());
    msg!("players", players: colors, count: colors.0.len())
}

impl Player {
    fn id(&self) -> String {
        self.number.to_string()
    }

    /// The color that PodSixNet's whiteboard gives this player.
    fn color(&self) -> (u8, u8, u8) {
        let share = |by| ((self.number + by) % 3) as u8 * 84;
        (share(1), share(2), share(0))
    }

    fn add(&mut self, line: Line) {
        self.size += line.size();
        self.lines.push_back(line);
    }

    /// Lets the last line go on to a point; `false` if there is none.
    fn go_on(&mut self, point: &Point) -> bool {
        let Some(line) = self.lines.back_mut() else { return false };
        if line.points.len() < LINE_POINTS {
            line.points.push(point.clone());
            self.size += 1;
        } else {
            let points = line.points.last().into_iter().chain([point]).cloned().collect();
            let line = Line { points, ..*line };
            self.add(line);
        }
        true
    }

    fn forget_oldest(&mut self) {
        self.size -= self.lines.pop_front().map_or(0, |line| line.size());
    }
}

impl Line {
    fn size(&self) -> usize {
        self.points.len() + 3
    }
}

impl FromValue<'_> for Point {
    fn from_value(value: ValueRef<'_>) -> Result<Self, ValueError> {
        let number = |value: ValueRef<'_>| match value.as_f64() {
            // Nor is it one if it is no number at all.
            Some(number) if number.abs() <= FARTHEST => Ok(value.to_value()),
            _ => Err(ValueError::wanted("a number within ±1000000", value)),
        };
        let (x, y) = value.get()?;
        let is_tuple = value.get().is_ok_and(ArrayRef::is_tuple);
        Ok(Self { x: number(x)?, y: number(y)?, is_tuple })
    }
}

impl IntoValue for Point {
    fn encode(&self, out: &mut Encoder) {
        let fill = |out: &mut Encoder| {
            out.value(&self.x);
            out.value(&self.y);
        };
        if self.is_tuple { out.tuple(fill) } else { out.array(fill) }
    }
}

impl IntoValue for Line {
    fn encode(&self, out: &mut Encoder) {
        out.map(|line| {
            line.entry("points", &self.points);
            line.entry("color", &self.color);
            line.entry("thickness", &self.thickness);
        });
    }
}

/// What one player has drawn.
struct Drawing<'p> {
    player: &'p Player,
    of_podsixnet: bool,
}

impl IntoValue for Drawing<'_> {
    fn encode(&self, out: &mut Encoder) {
        let lines = &self.player.lines;
        out.map(|drawing| {
            if self.of_podsixnet {
                drawing.entry("color", &self.player.color());
                drawing.entry("lines", &lines.iter().map(|it| &it.points).collect::<Vec<_>>());
            } else {
                drawing.entry("lines", lines);
            }
        });
    }
}

/// A map with something for each player, in the order in which they came.
struct ById<T>(Vec<(String, T)>);

impl<T: IntoValue> IntoValue for ById<T> {
    fn encode(&self, out: &mut Encoder) {
        out.map(|map| {
            for (id, value) in &self.0 {
                map.entry(id, value);
            }
        });
    }
}
