//! The spatial index: SQLite's R*Tree, its node tables filled in bulk.
//!
//! Inserting row by row takes most of the time of writing a GeoPackage. Here the boxes are sorted along Hilbert's
//! curve and packed into full nodes from the leaves up. The layout of a node is that of `ext/rtree/rtree.c`: depth of
//! the tree (in the root) and number of cells, 16 bits each, then cells of a 64-bit id and four 32-bit floats, all
//! big-endian. `rtreecheck` of SQLite judges it in the tests.

use rusqlite::{Connection, Statement, params};

use super::{quoted, sqlite_error};
use crate::error::Result;
use crate::write::Stage;
use crate::write::hilbert::Boxed;
use crate::write::sorter::Sorter;

const CELL: usize = 24;
const NODE_HEAD: usize = 4;
const ROOT: i64 = 1;

/// Turned over, ids sort as unsigned numbers.
const SIGN: u64 = 1 << 63;

/// A cell: the id of a row or node, and its box as least x, greatest x, least y, greatest y.
type Cell = (i64, [f32; 4]);

/// Creates the index `name` over the boxes of rows, whose records are their ids (64 bits, little-endian).
pub(super) fn create(file: &Connection, stage: &Stage, name: &str, rows: Boxed) -> Result<()> {
    let sql = |why: rusqlite::Error| sqlite_error(stage, why);
    let disk = |why: std::io::Error| stage.write_error(&why);
    file.execute_batch(&format!("CREATE VIRTUAL TABLE {} USING rtree(id, minx, maxx, miny, maxy)", quoted(name))).map_err(sql)?;
    if rows.count() == 0 {
        return Ok(());
    }
    let table = |part: &str| quoted(&format!("{name}_{part}"));
    let first = format!("SELECT length(data) FROM {} WHERE nodeno = 1", table("node"));
    let node_size: i64 = file.query_row(&first, [], |row| row.get(0)).map_err(sql)?;
    let node_size = usize::try_from(node_size).unwrap_or(0).max(NODE_HEAD + CELL);
    let put_node = format!("INSERT OR REPLACE INTO {} VALUES (?1, ?2)", table("node"));
    let mut nodes = Nodes { insert: file.prepare(&put_node).map_err(sql)?, size: node_size, next: ROOT + 1, depth: 0 };

    let lengths = nodes.lengths(rows.count());
    let is_root = lengths.len() == 1;
    let mut along_curve = rows.sorted(stage.scratch()?).map_err(disk)?;
    let mut leaves = Sorter::new(stage.scratch()?);
    let mut level = Vec::new();
    for length in lengths {
        let mut cells = Vec::with_capacity(length);
        while cells.len() < length
            && let Some((bounds, id)) = along_curve.next().map_err(disk)?
        {
            cells.push((id.try_into().map_or(0, i64::from_le_bytes), outward(&bounds)));
        }
        let node = nodes.put(&cells, is_root).map_err(sql)?;
        for (id, _) in &cells {
            leaves.push(*id as u64 ^ SIGN, &node.0.to_le_bytes()).map_err(disk)?;
        }
        level.push(node);
    }
    let mut insert_parent = file.prepare(&format!("INSERT INTO {} VALUES (?1, ?2)", table("parent"))).map_err(sql)?;
    while level.len() > 1 {
        nodes.depth += 1;
        let lengths = nodes.lengths(level.len());
        let is_root = lengths.len() == 1;
        let mut left = level.as_slice();
        let mut above = Vec::with_capacity(lengths.len());
        for length in lengths {
            let cells;
            (cells, left) = left.split_at(length);
            let node = nodes.put(cells, is_root).map_err(sql)?;
            for (id, _) in cells {
                insert_parent.execute(params![id, node.0]).map_err(sql)?;
            }
            above.push(node);
        }
        level = above;
    }
    // In the order of the ids, the rows are appended to their table.
    let mut insert_row = file.prepare(&format!("INSERT INTO {} VALUES (?1, ?2)", table("rowid"))).map_err(sql)?;
    let mut leaves = leaves.sorted().map_err(disk)?;
    while let Some((id, node)) = leaves.next().map_err(disk)? {
        let node = node.try_into().map_or(0, i64::from_le_bytes);
        insert_row.execute(params![(id ^ SIGN) as i64, node]).map_err(sql)?;
    }
    Ok(())
}

/// The table of nodes, filled level by level.
struct Nodes<'a> {
    insert: Statement<'a>,
    /// Bytes of a node.
    size: usize,
    next: i64,
    /// Levels below the one that is filled.
    depth: u16,
}

impl Nodes<'_> {
    /// How many cells each node of a level gets, as evenly as can be: no node is nearly empty.
    fn lengths(&self, cells: usize) -> impl ExactSizeIterator<Item = usize> + use<> {
        let nodes = cells.div_ceil((self.size - NODE_HEAD) / CELL);
        (0..nodes).map(move |node| cells * (node + 1) / nodes - cells * node / nodes)
    }

    /// Adds a node; its cell for the level above.
    fn put(&mut self, cells: &[Cell], is_root: bool) -> rusqlite::Result<Cell> {
        let number = if is_root { ROOT } else { self.next };
        self.next += i64::from(!is_root);
        self.insert.execute(params![number, node_data(cells, if is_root { self.depth } else { 0 }, self.size)])?;
        Ok((number, around(cells)))
    }
}

fn node_data(cells: &[Cell], depth: u16, size: usize) -> Vec<u8> {
    let mut data = Vec::with_capacity(size);
    data.extend_from_slice(&depth.to_be_bytes());
    data.extend_from_slice(&(cells.len() as u16).to_be_bytes());
    for (id, bounds) in cells {
        data.extend_from_slice(&id.to_be_bytes());
        bounds.iter().for_each(|value| data.extend_from_slice(&value.to_be_bytes()));
    }
    data.resize(size, 0);
    data
}

/// A box in floats that holds the box in doubles.
fn outward(bounds: &[f64; 4]) -> [f32; 4] {
    let down = |value: f64| if f64::from(value as f32) > value { (value as f32).next_down() } else { value as f32 };
    let up = |value: f64| if f64::from(value as f32) < value { (value as f32).next_up() } else { value as f32 };
    let [min_x, min_y, max_x, max_y] = *bounds;
    [down(min_x), up(max_x), down(min_y), up(max_y)]
}

fn around(cells: &[Cell]) -> [f32; 4] {
    cells.iter().fold([f32::INFINITY, f32::NEG_INFINITY, f32::INFINITY, f32::NEG_INFINITY], |all, (_, one)| {
        [all[0].min(one[0]), all[1].max(one[1]), all[2].min(one[2]), all[3].max(one[3])]
    })
}

/// The triggers that keep the index true when another program edits the table (OGC 12-128r17, annex F.3).
pub(super) fn triggers(index: &str, table: &str, geometry: &str, id: &str) -> String {
    let name = |action: &str| quoted(&format!("{index}_{action}"));
    let (rtree, table, g, id) = (quoted(index), quoted(table), quoted(geometry), quoted(id));
    let filled = format!("(NEW.{g} NOTNULL AND NOT ST_IsEmpty(NEW.{g}))");
    let empty = format!("(NEW.{g} ISNULL OR ST_IsEmpty(NEW.{g}))");
    let put = format!(
        "INSERT OR REPLACE INTO {rtree} VALUES (NEW.{id}, ST_MinX(NEW.{g}), ST_MaxX(NEW.{g}), ST_MinY(NEW.{g}), ST_MaxY(NEW.{g}));"
    );
    let take = format!("DELETE FROM {rtree} WHERE id = OLD.{id};");
    let trigger = |action: &str, when: &str, condition: &str, then: &str| {
        format!("CREATE TRIGGER {} {when} ON {table} WHEN {condition} BEGIN {then} END;\n", name(action))
    };
    let of_geometry = format!("AFTER UPDATE OF {g}");
    let same = format!("OLD.{id} = NEW.{id} AND");
    let other = format!("OLD.{id} != NEW.{id} AND");
    let take_both = format!("DELETE FROM {rtree} WHERE id IN (OLD.{id}, NEW.{id});");
    [
        trigger("insert", "AFTER INSERT", &filled, &put),
        trigger("update1", &of_geometry, &format!("{same} {filled}"), &put),
        trigger("update2", &of_geometry, &format!("{same} {empty}"), &take),
        trigger("update3", "AFTER UPDATE", &format!("{other} {filled}"), &format!("{take} {put}")),
        trigger("update4", "AFTER UPDATE", &format!("{other} {empty}"), &take_both),
        trigger("delete", "AFTER DELETE", &format!("OLD.{g} NOTNULL"), &take),
    ]
    .concat()
}
