//! The spatial index: SQLite's R*Tree, its node tables filled in bulk.
//!
//! Inserting row by row takes most of the time of writing a GeoPackage. Here the boxes are sorted along Hilbert's
//! curve and packed into full nodes from the leaves up. The layout of a node is that of `ext/rtree/rtree.c`: depth of
//! the tree (in the root) and number of cells, 16 bits each, then cells of a 64-bit id and four 32-bit floats, all
//! big-endian. `rtreecheck` of SQLite judges it in the tests.

use rusqlite::{Connection, params};

use super::quoted;
use crate::write::hilbert;

const CELL: usize = 24;
const NODE_HEAD: usize = 4;
const ROOT: i64 = 1;

/// A cell: the id of a row or node, and its box as least x, greatest x, least y, greatest y.
type Cell = (i64, [f32; 4]);

/// Creates the index `name` over the boxes (least x and y, greatest x and y) of rows.
pub(super) fn create(file: &Connection, name: &str, rows: &[(i64, [f64; 4])], extent: &[f64; 4]) -> rusqlite::Result<()> {
    file.execute_batch(&format!("CREATE VIRTUAL TABLE {} USING rtree(id, minx, maxx, miny, maxy)", quoted(name)))?;
    if rows.is_empty() {
        return Ok(());
    }
    let table = |part: &str| quoted(&format!("{name}_{part}"));
    let node_size: i64 =
        file.query_row(&format!("SELECT length(data) FROM {} WHERE nodeno = 1", table("node")), [], |r| r.get(0))?;
    let node_size = usize::try_from(node_size).unwrap_or(0).max(NODE_HEAD + CELL);
    let most = (node_size - NODE_HEAD) / CELL;

    let mut places: Vec<(u32, usize)> = rows.iter().enumerate().map(|(at, row)| (hilbert::place(&row.1, extent), at)).collect();
    places.sort_unstable();
    let mut level: Vec<Cell> = places.iter().map(|(_, at)| (rows[*at].0, outward(&rows[*at].1))).collect();
    drop(places);

    let mut insert_node = file.prepare(&format!("INSERT OR REPLACE INTO {} VALUES (?1, ?2)", table("node")))?;
    let mut insert_parent = file.prepare(&format!("INSERT INTO {} VALUES (?1, ?2)", table("parent")))?;
    let mut leaves: Vec<(i64, i64)> = Vec::with_capacity(rows.len());
    let mut next = ROOT + 1;
    let mut depth = 0;
    loop {
        let is_root = level.len() <= most;
        let nodes = level.len().div_ceil(most);
        let mut above = Vec::with_capacity(nodes);
        for node in 0..nodes {
            // As evenly as can be: no node is nearly empty.
            let cells = &level[level.len() * node / nodes..level.len() * (node + 1) / nodes];
            let number = if is_root { ROOT } else { next };
            next += i64::from(!is_root);
            insert_node.execute(params![number, node_data(cells, if is_root { depth } else { 0 }, node_size)])?;
            for (id, _) in cells {
                if depth == 0 {
                    leaves.push((*id, number));
                } else {
                    insert_parent.execute(params![id, number])?;
                }
            }
            above.push((number, around(cells)));
        }
        if is_root {
            break;
        }
        level = above;
        depth += 1;
    }
    // In the order of the ids, the rows are appended to their table.
    leaves.sort_unstable();
    let mut insert_row = file.prepare(&format!("INSERT INTO {} VALUES (?1, ?2)", table("rowid")))?;
    for (id, node) in leaves {
        insert_row.execute(params![id, node])?;
    }
    Ok(())
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
