//! A drawing as SVG: one `polyline` a line, and nothing that needs a library.

use std::fmt::Write;

use crate::client::Line;

/// How much is white around the drawing.
const MARGIN: f64 = 20.0;

/// The drawing as the text of a file.
pub(crate) fn svg<'l>(lines: impl Iterator<Item = &'l Line> + Clone) -> String {
    let points = || lines.clone().flat_map(|line| &line.points);
    let range = |values: &mut dyn Iterator<Item = f64>| {
        let (least, most) =
            values.fold((f64::MAX, f64::MIN), |(least, most), it| (least.min(it), most.max(it)));
        if least <= most { (least - MARGIN, most - least + 2.0 * MARGIN) } else { (0.0, 0.0) }
    };
    let (left, width) = range(&mut points().map(|point| point.0));
    let (top, height) = range(&mut points().map(|point| point.1));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{left} {top} {width} {height}\">\n\
         <rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <g fill=\"none\" stroke-linecap=\"round\" stroke-linejoin=\"round\">\n"
    );
    for Line { points, color: (red, green, blue), thickness } in lines {
        let points: Vec<_> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        let points = points.join(" ");
        // Writing to a text does not fail.
        let _ = writeln!(
            svg,
            "<polyline points=\"{points}\" stroke=\"rgb({red},{green},{blue})\" \
             stroke-width=\"{thickness}\"/>"
        );
    }
    svg + "</g>\n</svg>\n"
}
