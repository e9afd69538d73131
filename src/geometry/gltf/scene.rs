//! Which meshes a file shows, and where: its scene, walked.

use std::cell::RefCell;

use super::document::{Document, Node, Whole, extension};
use super::transform::Affine;
use crate::geometry::read::Failure;

/// A mesh at its place.
pub(super) struct Placement {
    pub mesh: usize,
    /// The node that shows it, and the map from there to the scene; `None` where no node does.
    pub node: Option<(usize, Affine)>,
}

/// What is shown, and what was decided on the way, one sentence each.
pub(super) struct Shown {
    pub placements: Vec<Placement>,
    pub notes: Vec<String>,
}

/// The meshes of the scene that the file shows: its default scene or else the first. Where that shows none, another does,
/// or all nodes, or all meshes: better than nothing at all, and said.
pub(super) fn shown(document: &Document) -> Result<Shown, Failure> {
    let parents = parents(document);
    let count = document.scenes.len();
    let first = document.scene.filter(|&scene| scene < count).unwrap_or(0);
    let others = (0..count).filter(|&scene| scene != first);
    for scene in (first..count).take(1).chain(others) {
        let roots = document
            .scenes
            .get(scene)?
            .nodes
            .as_deref()
            .unwrap_or_default();
        let roots: Vec<usize> = roots.iter().copied().map(Whole::index).collect();
        let mut shown = walk(document, &roots, &parents)?;
        if !shown.placements.is_empty() {
            if scene != first {
                let note =
                    format!("The scene that the file shows is empty: scene {scene} was read.");
                shown.notes.push(note);
            }
            return Ok(shown);
        }
    }
    let roots: Vec<usize> = (0..document.nodes.len()).collect();
    let mut shown = walk(document, &roots, &parents)?;
    if !shown.placements.is_empty() {
        let note = "No scene of the file shows a mesh: all nodes were read.".to_owned();
        shown.notes.push(note);
        return Ok(shown);
    }
    shown.placements = (0..document.meshes.len())
        .map(|mesh| Placement { mesh, node: None })
        .collect();
    if document.nodes.len() > 0 && !shown.placements.is_empty() {
        let note =
            "No node of the file shows a mesh: all meshes were read, where they lie by themselves.";
        shown.notes.push(note.to_owned());
    }
    Ok(shown)
}

/// The parent of each node, the first one where there are several. Nodes that cannot be read are refused only once somebody
/// comes to them.
fn parents(document: &Document) -> Vec<Option<usize>> {
    let mut parents = vec![None; document.nodes.len()];
    for parent in 0..document.nodes.len() {
        for child in children(document.nodes.get(parent).ok()) {
            if let Some(slot) = parents.get_mut(child) {
                slot.get_or_insert(parent);
            }
        }
    }
    parents
}

fn children<'a>(node: Option<&'a Node>) -> impl DoubleEndedIterator<Item = usize> + 'a {
    let children = node
        .and_then(|node| node.children.as_deref())
        .unwrap_or_default();
    children.iter().copied().map(Whole::index)
}

/// Where the walk is with a node.
#[derive(Clone, Copy, PartialEq)]
enum Visit {
    Never,
    /// The walk is below it.
    Open,
    Done,
}

enum Step {
    Enter(usize, Affine),
    Leave(usize),
}

/// Walks the trees below `roots` in their order, each node once.
fn walk(document: &Document, roots: &[usize], parents: &[Option<usize>]) -> Result<Shown, Failure> {
    let mut shown = Shown {
        placements: Vec::new(),
        notes: Vec::new(),
    };
    let mut visits = vec![Visit::Never; document.nodes.len()];
    let (mut hidden, mut shared) = (0, 0);
    // Some writers list every node of a scene, those below others, too: they come later, should nobody lead to them.
    let is_top = |root: &usize| !parents.get(*root).is_some_and(Option::is_some);
    let (first, later): (Vec<usize>, Vec<usize>) = roots.iter().copied().partition(is_top);
    for root in first.into_iter().chain(later) {
        document
            .nodes
            .check(root)
            .map_err(|failure| failure.at("a scene"))?;
        if visits[root] != Visit::Never {
            continue;
        }
        // A stack of its own: the trees of some files are deeper than the program's.
        let mut steps = vec![Step::Enter(root, Affine::IDENTITY)];
        while let Some(step) = steps.pop() {
            let (index, outer) = match step {
                Step::Enter(index, outer) => (index, outer),
                Step::Leave(index) => {
                    visits[index] = Visit::Done;
                    continue;
                }
            };
            match visits[index] {
                Visit::Never => {}
                Visit::Open => {
                    return Err(Failure::Malformed(format!(
                        "node {index} is below itself: every node must have one parent at most"
                    )));
                }
                Visit::Done => {
                    shared += 1;
                    continue;
                }
            }
            visits[index] = Visit::Open;
            steps.push(Step::Leave(index));
            let node = document.nodes.get(index)?;
            if is_hidden(node)? {
                hidden += 1;
                continue;
            }
            let placed = outer.after(&Affine::of_node(node));
            if let Some(mesh) = node.mesh.map(Whole::index) {
                let place = |failure: Failure| failure.at(format_args!("node {index}"));
                document.meshes.check(mesh).map_err(place)?;
                shown.placements.push(Placement {
                    mesh,
                    node: Some((index, placed)),
                });
            }
            for child in children(Some(node)).rev() {
                document
                    .nodes
                    .check(child)
                    .map_err(|failure| failure.at(format_args!("node {index}")))?;
                steps.push(Step::Enter(child, placed));
            }
        }
    }
    if hidden > 0 {
        shown.notes.push(format!(
            "{} hidden (KHR_node_visibility) and left out with what is below.",
            counted(hidden, "node is", "nodes are")
        ));
    }
    if shared > 0 {
        shown.notes.push(format!(
            "{} below several parents and read below the first only.",
            counted(shared, "node is", "nodes are")
        ));
    }
    Ok(shown)
}

fn is_hidden(node: &Node) -> Result<bool, Failure> {
    #[derive(serde::Deserialize)]
    struct Visibility {
        visible: Option<bool>,
    }
    let visibility: Option<Visibility> = extension(node.extensions, "KHR_node_visibility")?;
    Ok(visibility.is_some_and(|visibility| visibility.visible == Some(false)))
}

/// A number with its noun and verb.
pub(super) fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// Where nodes are that the walk need not come to: the joints of skins.
pub(super) struct Joints<'a> {
    document: &'a Document<'a>,
    parents: Vec<Option<usize>>,
    placed: RefCell<Vec<Option<Affine>>>,
}

impl<'a> Joints<'a> {
    pub fn new(document: &'a Document<'a>) -> Self {
        let parents = parents(document);
        Joints {
            document,
            placed: RefCell::new(vec![None; parents.len()]),
            parents,
        }
    }

    /// The map from a node to the scene.
    pub fn place(&self, node: usize) -> Result<Affine, Failure> {
        self.document.nodes.check(node)?;
        let mut placed = self.placed.borrow_mut();
        let mut above = Vec::new();
        let mut next = Some(node);
        while let Some(index) = next.filter(|&index| placed[index].is_none()) {
            if above.len() > self.parents.len() {
                let words =
                    format!("node {node} is below itself: every node must have one parent at most");
                return Err(Failure::Malformed(words));
            }
            above.push(index);
            next = self.parents[index];
        }
        let mut outer = next
            .and_then(|index| placed[index])
            .unwrap_or(Affine::IDENTITY);
        for index in above.into_iter().rev() {
            outer = outer.after(&Affine::of_node(self.document.nodes.get(index)?));
            placed[index] = Some(outer);
        }
        Ok(outer)
    }
}
