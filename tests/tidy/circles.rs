//! Circles of arrows: between files, and between what stands beside each other in a folder.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use super::imports::Arrow;

/// What points to what.
type Graph = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// The circles that these arrows make between files, and between what stands beside each other in a folder; each by its shortest way
/// round, and one for every group that reaches itself.
pub(crate) fn circles(arrows: &[Arrow]) -> Vec<Vec<PathBuf>> {
    let of_files = circles_of(&graph_of_files(arrows));
    let bare = |way: &Vec<PathBuf>| way.iter().map(|file| file.with_extension("")).collect::<Vec<_>>();
    let known: Vec<Vec<PathBuf>> = of_files.iter().map(bare).collect();
    let of_folders = graphs_of_folders(arrows)
        .into_values()
        .flat_map(|graph| circles_of(&graph));
    let of_folders: Vec<_> = of_folders.filter(|way| !known.contains(way)).collect();
    [of_files, of_folders].concat()
}

fn circles_of(graph: &Graph) -> Vec<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for start in graph.keys() {
        if seen.contains(start) {
            continue;
        }
        if let Some(way) = way_round(graph, start) {
            let group = reached(graph, start);
            seen.extend(group.into_iter().filter(|node| reached(graph, node).contains(start)));
            found.push(way);
        }
    }
    found
}

fn graph_of_files(arrows: &[Arrow]) -> Graph {
    let mut graph = Graph::new();
    for arrow in arrows {
        graph.entry(arrow.from.clone()).or_default().insert(arrow.to.clone());
    }
    graph
}

/// The graph of every folder: what stands in it, files and folders alike. A file and the folder of its modules are one.
fn graphs_of_folders(arrows: &[Arrow]) -> BTreeMap<PathBuf, Graph> {
    let mut graphs: BTreeMap<PathBuf, Graph> = BTreeMap::new();
    for arrow in arrows {
        let mut folders = arrow.from.ancestors().skip(1);
        let Some(folder) = folders.find(|folder| arrow.to.starts_with(folder)) else {
            continue;
        };
        let (from, to) = (standing_in(folder, &arrow.from), standing_in(folder, &arrow.to));
        if from != to {
            graphs
                .entry(folder.to_owned())
                .or_default()
                .entry(from)
                .or_default()
                .insert(to);
        }
    }
    graphs
}

/// What stands in the folder and holds this file.
pub(crate) fn standing_in(folder: &Path, file: &Path) -> PathBuf {
    let below = file.strip_prefix(folder).unwrap();
    folder.join(below.iter().next().unwrap()).with_extension("")
}

fn reached(graph: &Graph, start: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut next = vec![start];
    while let Some(node) = next.pop() {
        for to in graph.get(node).into_iter().flatten() {
            if found.insert(to.clone()) {
                next.push(to);
            }
        }
    }
    found
}

/// The shortest way from a node back to it, with the node at both ends.
fn way_round(graph: &Graph, start: &Path) -> Option<Vec<PathBuf>> {
    let mut came_from: BTreeMap<&Path, &Path> = BTreeMap::new();
    let mut next = VecDeque::from([start]);
    while let Some(node) = next.pop_front() {
        for to in graph.get(node).into_iter().flatten() {
            if to == start {
                let mut way = vec![start.to_owned(), node.to_owned()];
                let mut at = node;
                while at != start {
                    at = came_from[at];
                    way.push(at.to_owned());
                }
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(to.as_path()) {
                came_from.insert(to, node);
                next.push_back(to);
            }
        }
    }
    None
}
