//! Vertices and curved segments as they stand in JSON.

use super::curves::Segment;
use super::fault::{Fault, Unfit};
use crate::esri::{Cursor, Syntax};
use crate::model::Span;

/// One vertex as it stands.
pub(super) struct Tuple {
    pub(super) xy: [f64; 2],
    pub(super) text: Option<(Span, Span)>,
    /// The third and fourth number.
    pub(super) extra: [Option<f64>; 2],
}

/// `[x, y]`, with any further numbers; `None` for `[]`.
#[inline]
pub(super) fn read_tuple(cursor: &mut Cursor<'_>) -> Result<Option<Tuple>, Syntax> {
    cursor.expect(b'[', "a vertex")?;
    if cursor.take(b']') {
        return Ok(None);
    }
    let (x, x_text) = cursor.ordinate_text()?;
    cursor.expect(b',', "a comma and y")?;
    let (y, y_text) = cursor.ordinate_text()?;
    let mut extra = [None; 2];
    let mut index = 0;
    let mut first = false;
    while cursor.element(&mut first)? {
        let ordinate = cursor.ordinate()?;
        if let Some(slot) = extra.get_mut(index) {
            *slot = Some(ordinate);
        }
        index += 1;
    }
    Ok(Some(Tuple { xy: [x, y], text: x_text.zip(y_text), extra }))
}

/// `{"c": [end, interior]}` and its kin, with the third and fourth number of the end.
pub(super) fn read_segment(cursor: &mut Cursor<'_>) -> Result<(Segment, [Option<f64>; 2]), Fault> {
    cursor.expect(b'{', "a curved segment")?;
    let mut first = true;
    let Some(key) = cursor.key(&mut first)? else { return Err(Unfit::Curve.into()) };
    let key = cursor.slice(key.span);
    cursor.expect(b'[', "the points of a curve")?;
    let (mut points, mut numbers) = (Vec::new(), Vec::new());
    let mut first = true;
    while cursor.element(&mut first)? {
        match cursor.peek() {
            Some(b'[') => points.extend(read_tuple(cursor)?),
            _ => numbers.push(cursor.ordinate()?),
        }
    }
    cursor.expect(b'}', "the end of a curved segment")?;
    let at = |index: usize| points.get(index).map(|point: &Tuple| point.xy);
    let number = |index: usize| numbers.get(index).copied();
    let clockwise = number(1) == Some(1.0);
    let segment = match (key, at(0), at(1), at(2), numbers.len()) {
        (b"c", Some(end), Some(interior), ..) => Segment::Through { end, interior },
        (b"b", Some(end), Some(first), Some(second), _) => Segment::Bezier { end, controls: [first, second] },
        (b"a", Some(end), Some(centre), None, 2) => Segment::Around { end, centre, clockwise },
        (b"a", Some(end), Some(centre), None, 5) => {
            Segment::Elliptic { end, centre, clockwise, rotation: numbers[2], axis: numbers[3], ratio: numbers[4] }
        }
        _ => return Err(Unfit::Curve.into()),
    };
    Ok((segment, points[0].extra))
}
