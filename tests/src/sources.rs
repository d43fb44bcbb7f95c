//! The sources of a crate: its files, its modules, and where each name is defined.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use syn::{Attribute, Item, Meta, Token, UseTree, Visibility, punctuated::Punctuated};

/// How many re-exports are followed from one name.
const STEPS_MAX: usize = 32;

/// A crate as its files say it. Code behind `#[cfg(test)]` or `#[cfg(fuzzing)]` is left out.
pub struct Sources {
    /// Paths below the crate's `src`, with `/` between folders.
    pub files: Vec<String>,
    /// The first one is the crate itself.
    pub modules: Vec<Module>,
}

/// A module with its items.
pub struct Module {
    /// The names from the crate's root to here.
    pub path: Vec<String>,
    /// Index into [`Sources::files`].
    pub file: usize,
    /// The module around it; the root is around itself.
    pub parent: usize,
    /// Whether it is a `pub mod`.
    pub is_public: bool,
    /// All items but modules, which are in [`Sources::modules`], and those of tests.
    pub items: Vec<Item>,
    names: BTreeMap<String, Vec<Binding>>,
    globs: Vec<Vec<String>>,
}

/// What a name in a module stands for.
#[derive(Clone, Debug)]
enum Binding {
    Item,
    Module(usize),
    Import(Vec<String>),
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A module as a whole.
    Module(usize),
    /// An item, or something in an item, by the module that defines it and its name there.
    Item(usize, String),
}

/// One leaf of a `use`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// What is named; of a glob, what is before the star.
    pub path: Vec<String>,
    /// The name here. None: a glob.
    pub name: Option<String>,
    /// Where it stands.
    pub line: usize,
}

impl Sources {
    /// Reads the crate whose sources lie in `dir`, from its `lib.rs` on.
    ///
    /// # Errors
    /// When a file is missing or does not parse, in one line.
    pub fn read(dir: &Path) -> Result<Sources, String> {
        Sources::parse(&|path| fs::read_to_string(dir.join(path)).ok())
    }

    /// The same of texts by their paths.
    ///
    /// # Errors
    /// As [`Sources::read`].
    pub fn of(texts: &[(&str, &str)]) -> Result<Sources, String> {
        let text = |path: &str| texts.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned());
        Sources::parse(&text)
    }

    fn parse(text: &dyn Fn(&str) -> Option<String>) -> Result<Sources, String> {
        let mut sources = Sources { files: vec![], modules: vec![] };
        let root = text("lib.rs").ok_or("expected a lib.rs")?;
        sources.file("lib.rs", &root, vec![], 0, "", text)?;
        Ok(sources)
    }

    /// Adds a file's modules. `below` is the folder in which the files of its modules lie.
    fn file(
        &mut self,
        path: &str,
        code: &str,
        module: Vec<String>,
        parent: usize,
        below: &str,
        text: &dyn Fn(&str) -> Option<String>,
    ) -> Result<usize, String> {
        let parsed = syn::parse_file(code).map_err(|error| format!("{path}:{}: {error}", error.span().start().line))?;
        self.files.push(path.to_owned());
        self.module(module, self.files.len() - 1, parent, parsed.items, below, text)
    }

    fn module(
        &mut self,
        path: Vec<String>,
        file: usize,
        parent: usize,
        items: Vec<Item>,
        below: &str,
        text: &dyn Fn(&str) -> Option<String>,
    ) -> Result<usize, String> {
        let own = self.modules.len();
        let (names, globs) = (BTreeMap::new(), vec![]);
        self.modules.push(Module { path: path.clone(), file, parent, is_public: true, items: vec![], names, globs });
        for item in items {
            if attributes(&item).iter().any(is_test) {
                continue;
            }
            if let Item::Mod(inner) = item {
                let name = inner.ident.to_string();
                let path = [&path[..], std::slice::from_ref(&name)].concat();
                let folder = format!("{below}{name}/");
                let module = match inner.content {
                    Some((_, items)) => self.module(path, file, own, items, &folder, text)?,
                    None => {
                        let places = [format!("{below}{name}.rs"), format!("{folder}mod.rs")];
                        let found = places.iter().find_map(|place| Some((place, text(place)?)));
                        let (place, code) = found.ok_or_else(|| format!("expected the file {}", places[0]))?;
                        self.file(place, &code, path, own, &folder, text)?
                    }
                };
                self.modules[module].is_public = is_public(&inner.vis);
                self.bind(own, &name, Binding::Module(module));
                continue;
            }
            if let Item::Use(import) = &item {
                for leaf in leaves(&import.tree) {
                    match leaf.name {
                        Some(name) => self.bind(own, &name, Binding::Import(leaf.path)),
                        None => self.modules[own].globs.push(leaf.path),
                    }
                }
            }
            if let Some(name) = name(&item) {
                self.bind(own, &name, Binding::Item);
                if attributes(&item).iter().any(|attribute| attribute.path().is_ident("macro_export")) {
                    let place = [&["crate".to_owned()], &path[..], std::slice::from_ref(&name)].concat();
                    self.bind(0, &name, Binding::Import(place));
                }
            }
            self.modules[own].items.push(item);
        }
        Ok(own)
    }

    fn bind(&mut self, module: usize, name: &str, binding: Binding) {
        self.modules[module].names.entry(name.to_owned()).or_default().push(binding);
    }

    /// What a path in a module leads to. Nothing: something of another crate, or a local name.
    pub fn resolve(&self, module: usize, path: &[String]) -> Vec<Target> {
        let mut found = self.walk(module, path, STEPS_MAX);
        found.sort();
        found.dedup();
        if found.iter().any(|target| matches!(target, Target::Item(..))) {
            found.retain(|target| matches!(target, Target::Item(..)));
        }
        found
    }

    fn walk(&self, module: usize, path: &[String], steps: usize) -> Vec<Target> {
        let Some(steps) = steps.checked_sub(1) else { return vec![] };
        let [first, rest @ ..] = path else { return vec![Target::Module(module)] };
        match first.as_str() {
            "crate" | "$crate" => self.descend(0, rest, steps),
            "self" => self.descend(module, rest, steps),
            "super" => {
                let mut around = self.modules[module].parent;
                let mut rest = rest;
                while let [next, others @ ..] = rest
                    && next == "super"
                {
                    (around, rest) = (self.modules[around].parent, others);
                }
                self.descend(around, rest, steps)
            }
            first => self.follow(self.lookup(module, first, steps), rest, steps),
        }
    }

    /// The path from a module of this crate down.
    fn descend(&self, module: usize, path: &[String], steps: usize) -> Vec<Target> {
        let [first, rest @ ..] = path else { return vec![Target::Module(module)] };
        let found = self.lookup(module, first, steps);
        if found.is_empty() && !self.modules[module].names.contains_key(first) {
            // A macro made it.
            return vec![Target::Item(module, first.clone())];
        }
        self.follow(found, rest, steps)
    }

    fn follow(&self, found: Vec<Target>, rest: &[String], steps: usize) -> Vec<Target> {
        if rest.is_empty() {
            return found;
        }
        // Only a module or an item with something in it comes before `::`; a function of the same name does not.
        let module = found.iter().find_map(|target| match target {
            Target::Module(module) => Some(*module),
            Target::Item(..) => None,
        });
        match module {
            Some(module) => self.descend(module, rest, steps),
            None => found,
        }
    }

    /// What a name stands for in a module.
    fn lookup(&self, module: usize, name: &str, steps: usize) -> Vec<Target> {
        let Some(steps) = steps.checked_sub(1) else { return vec![] };
        let here = &self.modules[module];
        if let Some(bindings) = here.names.get(name) {
            let target = |binding: &Binding| match binding {
                Binding::Item => vec![Target::Item(module, name.to_owned())],
                Binding::Module(inner) => vec![Target::Module(*inner)],
                // `pub(crate) use name;` behind a macro of this name.
                Binding::Import(path) if path[..] == [name] => vec![],
                Binding::Import(path) => self.walk(module, path, steps),
            };
            return bindings.iter().flat_map(target).collect();
        }
        let through = |glob: &Vec<String>| {
            let modules = self.walk(module, glob, steps).into_iter().filter_map(|target| match target {
                Target::Module(from) if from != module => Some(from),
                _ => None,
            });
            modules.flat_map(|from| self.lookup(from, name, steps)).collect::<Vec<_>>()
        };
        here.globs.iter().flat_map(through).collect()
    }
}

/// The leaves of a `use`, with the names that they get.
pub fn leaves(tree: &UseTree) -> Vec<Leaf> {
    fn walk(tree: &UseTree, before: &[String], all: &mut Vec<Leaf>) {
        let then = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => walk(&path.tree, &then(&path.ident), all),
            UseTree::Group(group) => group.items.iter().for_each(|tree| walk(tree, before, all)),
            UseTree::Glob(glob) => {
                all.push(Leaf { path: before.to_vec(), name: None, line: glob.star_token.spans[0].start().line });
            }
            UseTree::Name(name) if name.ident == "self" && !before.is_empty() => all.push(Leaf {
                path: before.to_vec(),
                name: before.last().cloned(),
                line: name.ident.span().start().line,
            }),
            UseTree::Name(name) => all.push(Leaf {
                path: then(&name.ident),
                name: Some(name.ident.to_string()),
                line: name.ident.span().start().line,
            }),
            UseTree::Rename(name) => all.push(Leaf {
                path: then(&name.ident),
                name: Some(name.rename.to_string()),
                line: name.ident.span().start().line,
            }),
        }
    }
    let mut all = vec![];
    walk(tree, &[], &mut all);
    all
}

/// Whether the attribute says that its item exists for tests and fuzz targets alone.
pub fn is_test(attribute: &Attribute) -> bool {
    fn asks_for_test(meta: &Meta) -> bool {
        match meta {
            Meta::Path(path) => path.is_ident("test") || path.is_ident("fuzzing"),
            Meta::List(list) if list.path.is_ident("all") || list.path.is_ident("cfg") => {
                let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
                parts.is_ok_and(|parts| parts.iter().any(asks_for_test))
            }
            _ => false,
        }
    }
    attribute.path().is_ident("cfg") && asks_for_test(&attribute.meta)
}

/// An item's attributes.
pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name that an item defines.
pub fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// Whether everyone may use it.
pub fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}
