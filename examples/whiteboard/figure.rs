//! What `join` draws: an insect, six legs and all, in fifteen strokes.

/// The strokes, each from point to point. The board of PodSixNet is 640 by 480.
pub(crate) fn insect() -> Vec<Vec<(i32, i32)>> {
    let mut strokes = vec![
        oval(320, 105, 32, 28), // the head,
        oval(320, 185, 42, 48), // what the legs are at,
        oval(320, 320, 62, 84), // and what follows
        vec![(320, 236), (320, 404)],
        vec![(262, 300), (320, 320), (378, 300)],
    ];
    // A leg, from the body over the knee to the foot; a feeler; an eye.
    for half in [
        [(284, 160), (200, 110), (150, 150)],
        [(278, 185), (180, 180), (120, 240)],
        [(284, 212), (190, 250), (150, 340)],
        [(308, 79), (290, 40), (255, 20)],
        [(306, 92), (306, 98), (306, 104)],
    ] {
        strokes.push(half.to_vec());
        strokes.push(half.map(|(x, y)| (640 - x, y)).to_vec());
    }
    strokes
}

/// A closed line around a centre.
fn oval(x: i32, y: i32, width: i32, height: i32) -> Vec<(i32, i32)> {
    let at = |step: u32| {
        let (sin, cos) = (f64::from(step) * std::f64::consts::TAU / 24.0).sin_cos();
        let from =
            |middle: i32, by: i32, share: f64| middle + (f64::from(by) * share).round() as i32;
        (from(x, width, cos), from(y, height, sin))
    };
    (0..=24).map(at).collect()
}
