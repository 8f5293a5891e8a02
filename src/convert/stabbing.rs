//! Finds the smallest of many boxes around a point: what nests rings of thousands in near-linear time, whether they lie
//! side by side or one in another.

use std::ops::Range;

use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

/// So few boxes are looked at one by one.
const FEW: usize = 32;

/// Boxes in the order in which they are wanted, halved again and again; each half knows by an R-tree whether any of its
/// boxes holds a point.
pub(super) struct Stabbing {
    boxes: Vec<[[f64; 2]; 2]>,
    halves: Vec<Half>,
}

struct Half {
    range: Range<usize>,
    tree: RTree<GeomWithData<Rectangle<[f64; 2]>, usize>>,
    /// The two halves of it, where it is not few.
    parts: Option<[usize; 2]>,
}

impl Stabbing {
    /// Of boxes given by their lower and upper corners.
    pub(super) fn new(boxes: Vec<[[f64; 2]; 2]>) -> Self {
        let mut all = Self { boxes, halves: Vec::new() };
        all.add(0..all.boxes.len());
        all
    }

    fn add(&mut self, range: Range<usize>) -> usize {
        let parts = (range.len() > FEW).then(|| {
            let middle = range.start + range.len() / 2;
            [self.add(range.start..middle), self.add(middle..range.end)]
        });
        let entry = |at: usize| {
            let [low, high] = self.boxes[at];
            GeomWithData::new(Rectangle::from_corners(low, high), at)
        };
        let tree = if parts.is_some() { RTree::bulk_load(range.clone().map(entry).collect()) } else { RTree::new() };
        self.halves.push(Half { range, tree, parts });
        self.halves.len() - 1
    }

    /// The first box among `wanted` that holds the point and for which `is_it` holds.
    pub(super) fn first(&self, wanted: Range<usize>, point: [f64; 2], is_it: &mut dyn FnMut(usize) -> bool) -> Option<usize> {
        self.first_of(self.halves.len() - 1, &wanted, point, is_it)
    }

    fn first_of(
        &self,
        half: usize,
        wanted: &Range<usize>,
        point: [f64; 2],
        is_it: &mut dyn FnMut(usize) -> bool,
    ) -> Option<usize> {
        let Half { range, tree, parts } = &self.halves[half];
        if range.end <= wanted.start || wanted.end <= range.start {
            return None;
        }
        let Some([left, right]) = parts else {
            let holds = |at: &usize| {
                let [low, high] = self.boxes[*at];
                (0..2).all(|axis| low[axis] <= point[axis] && point[axis] <= high[axis])
            };
            return (range.start.max(wanted.start)..range.end.min(wanted.end)).filter(holds).find(|at| is_it(*at));
        };
        // Boxes that are not wanted would answer for the others.
        let all_wanted = wanted.start <= range.start && range.end <= wanted.end;
        if all_wanted && tree.locate_in_envelope_intersecting(AABB::from_point(point)).next().is_none() {
            return None;
        }
        let in_left = self.first_of(*left, wanted, point, is_it);
        in_left.or_else(|| self.first_of(*right, wanted, point, is_it))
    }
}
