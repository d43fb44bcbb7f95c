//! Which file of a crate needs which: circles of files, and imports that go up the floors.
//!
//! An arrow goes from a file to the one that defines what it names: in a `use`, in a path, in the arguments of a macro,
//! in an attribute. `mod` declarations and re-exports are no arrows; what is named through a re-export is. A module
//! that is imported whole is none either: what is named through it is.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ImplItem, Item, Type, Visibility};

use crate::sources::{Sources, Target, attributes, is_test, leaves};

/// The arrows between the files of one crate.
#[derive(Debug)]
pub struct Arrows {
    files: Vec<String>,
    /// By both ends, as indices into `files`: the first place that makes it one.
    arrows: BTreeMap<(usize, usize), Place>,
}

/// Where one file names something of another.
#[derive(Clone, Debug)]
struct Place {
    line: usize,
    name: String,
}

/// A type whose methods are spread over the files of a folder: `self.f()` is an arrow to the file that defines `f`.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The folder below `src`, with `/` at its end.
    pub folder: &'static str,
    /// The type's name.
    pub of: &'static str,
}

/// The modules of a crate from the bottom up, and those that never import each other.
#[derive(Clone, Copy, Debug)]
pub struct Floors {
    /// Modules at the crate's root: each may import from its own floor and those before it.
    pub floors: &'static [&'static [&'static str]],
    /// Modules of one floor that know nothing of each other.
    pub apart: &'static [(&'static str, &'static str)],
}

/// Files of which each needs the next, and the last one the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    /// All files that reach each other; the circle is the shortest among them.
    pub files: Vec<String>,
    /// `a.rs:12: names crate::b::X of b.rs`, one line each.
    pub arrows: Vec<String>,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a circle of files, one of those among {}:", self.files.join(", "))?;
        self.arrows.iter().try_for_each(|arrow| write!(f, "\n    {arrow}"))
    }
}

impl Arrows {
    /// The arrows of a crate, with those that calls of `spread` types make.
    pub fn of(sources: &Sources, spread: &[Spread]) -> Arrows {
        let methods = spread.iter().flat_map(|spread| methods(sources, *spread)).collect();
        let mut arrows = BTreeMap::new();
        for (index, module) in sources.modules.iter().enumerate() {
            let mut reader =
                Reader { sources, module: index, methods: &methods, subject: None, blocks: 0, arrows: &mut arrows };
            module.items.iter().for_each(|item| reader.visit_item(item));
        }
        Arrows { files: sources.files.clone(), arrows }
    }

    /// What each file names of others, as pairs of files.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.arrows.keys().map(|(from, to)| (self.files[*from].as_str(), self.files[*to].as_str()))
    }

    /// A circle of each set of files that reach each other.
    pub fn circles(&self) -> Vec<Circle> {
        let reach: Vec<BTreeMap<usize, usize>> = (0..self.files.len()).map(|file| self.reach(file)).collect();
        let mut seen: BTreeSet<usize> = BTreeSet::new();
        let mut circles = vec![];
        for file in 0..self.files.len() {
            if seen.contains(&file) || !reach[file].contains_key(&file) {
                continue;
            }
            let together: Vec<usize> =
                reach[file].keys().copied().filter(|other| reach[*other].contains_key(&file)).collect();
            seen.extend(&together);
            let shortest = together.iter().map(|file| way_round(*file, &reach[*file])).min_by_key(Vec::len);
            let way = shortest.expect("a file that reaches itself is among them");
            let next = way.iter().cycle().skip(1);
            circles.push(Circle {
                files: together.iter().map(|file| self.files[*file].clone()).collect(),
                arrows: way.iter().zip(next).map(|(from, to)| self.describe(*from, *to)).collect(),
            });
        }
        circles
    }

    /// The files that can be reached from one, each with the one before it on the shortest way.
    fn reach(&self, from: usize) -> BTreeMap<usize, usize> {
        let mut before = BTreeMap::new();
        let mut open = VecDeque::from([from]);
        while let Some(file) = open.pop_front() {
            for (_, next) in self.arrows.range((file, 0)..(file + 1, 0)).map(|(ends, _)| *ends) {
                if let Entry::Vacant(entry) = before.entry(next) {
                    entry.insert(file);
                    open.push_back(next);
                }
            }
        }
        before
    }

    fn describe(&self, from: usize, to: usize) -> String {
        let Place { line, name } = &self.arrows[&(from, to)];
        format!("{}:{line}: names {name} of {}", self.files[from], self.files[to])
    }

    /// The arrows that go up, or between modules that are to stay apart, one line each; and modules without a floor.
    pub fn against(&self, floors: &Floors) -> Vec<String> {
        let floor = |module: &str| floors.floors.iter().position(|floor| floor.contains(&module));
        let modules: BTreeSet<&str> = self.files.iter().map(|file| root_module(file)).collect();
        let homeless = modules.iter().filter(|module| **module != "lib" && floor(module).is_none());
        let mut wrong: Vec<String> = homeless.map(|module| format!("{module} stands on no floor")).collect();
        for (from, to) in self.arrows.keys().copied() {
            let (above, below) = (root_module(&self.files[from]), root_module(&self.files[to]));
            let apart = floors.apart.iter().any(|pair| *pair == (above, below) || *pair == (below, above));
            if apart {
                wrong.push(format!("{}: {above} and {below} are to stay apart", self.describe(from, to)));
            } else if above != "lib" && (below == "lib" || floor(below) > floor(above)) {
                wrong.push(format!("{}: {below} stands above {above}", self.describe(from, to)));
            }
        }
        wrong
    }
}

/// The files on the shortest way from a file to itself.
fn way_round(file: usize, before: &BTreeMap<usize, usize>) -> Vec<usize> {
    let mut way = vec![file];
    let mut at = before[&file];
    while at != file {
        way.push(at);
        at = before[&at];
    }
    way.reverse();
    way.rotate_right(1);
    way
}

/// The module at the crate's root that a file belongs to.
fn root_module(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The type that methods are spread of, with their names and the one file that defines each.
type Methods = BTreeMap<(String, String), usize>;

fn methods(sources: &Sources, spread: Spread) -> Methods {
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for module in sources.modules.iter().filter(|module| sources.files[module.file].starts_with(spread.folder)) {
        let blocks = module.items.iter().filter_map(|item| match item {
            Item::Impl(block) if block.trait_.is_none() && type_name(&block.self_ty).as_deref() == Some(spread.of) => {
                Some(&block.items)
            }
            _ => None,
        });
        for item in blocks.flatten() {
            if let ImplItem::Fn(method) = item
                && method.sig.receiver().is_some()
                && !method.attrs.iter().any(is_test)
            {
                found.entry(method.sig.ident.to_string()).or_default().push(module.file);
            }
        }
    }
    let once = found.into_iter().filter(|(_, files)| files.len() == 1);
    once.map(|(name, files)| ((spread.of.to_owned(), name), files[0])).collect()
}

fn type_name(of: &Type) -> Option<String> {
    match of {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// Reads the items of one module.
struct Reader<'a> {
    sources: &'a Sources,
    module: usize,
    methods: &'a Methods,
    /// The type whose `impl` is being read.
    subject: Option<String>,
    /// How many blocks of code are open around what is read.
    blocks: usize,
    arrows: &'a mut BTreeMap<(usize, usize), Place>,
}

impl Reader<'_> {
    fn arrow(&mut self, to: usize, line: usize, name: &str) {
        let from = self.sources.modules[self.module].file;
        if from != to {
            self.arrows.entry((from, to)).or_insert_with(|| Place { line, name: name.to_owned() });
        }
    }

    fn path(&mut self, path: &[String], line: usize) {
        for target in self.sources.resolve(self.module, path) {
            if let Target::Item(module, _) = target {
                self.arrow(self.sources.modules[module].file, line, &path.join("::"));
            }
        }
    }

    /// A macro that is in no `use` may still be in reach by the order of the text.
    fn macro_call(&mut self, path: &syn::Path) {
        let (names, line) = (segments(path), path.span().start().line);
        if let [name] = &names[..]
            && self.sources.resolve(self.module, &names).is_empty()
        {
            let mut defines = self.sources.modules.iter().filter(|module| {
                module
                    .items
                    .iter()
                    .any(|item| matches!(item, Item::Macro(m) if m.ident.as_ref().is_some_and(|it| it == name)))
            });
            if let (Some(only), None) = (defines.next(), defines.next()) {
                return self.arrow(only.file, line, &format!("{name}!"));
            }
        }
        self.path(&names, line);
    }

    fn call(&mut self, method: &str, line: usize) {
        let Some(subject) = &self.subject else { return };
        if let Some(file) = self.methods.get(&(subject.clone(), method.to_owned())) {
            self.arrow(*file, line, &format!("self.{method}()"));
        }
    }

    /// The paths and the calls among tokens that nothing has parsed.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |at: usize, punct: char| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == punct);
        let ident = |at: usize| match tokens.get(at) {
            Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
            _ => None,
        };
        let mut at = 0;
        while at < tokens.len() {
            if let TokenTree::Group(group) = &tokens[at] {
                self.tokens(group.stream());
            }
            let Some(first) = ident(at) else {
                at += 1;
                continue;
            };
            let line = tokens[at].span().start().line;
            let before = at.checked_sub(1);
            // A field, a method, a lifetime, a variable of a macro.
            let own = before.is_some_and(|at| is(at, '.') || is(at, '\'') || is(at, '$') && first != "crate");
            let mut path = vec![first];
            at += 1;
            while is(at, ':')
                && is(at + 1, ':')
                && let Some(next) = ident(at + 2)
            {
                path.push(next);
                at += 3;
            }
            if path == ["self"] && is(at, '.') {
                if let Some(method) = ident(at + 1)
                    && matches!(tokens.get(at + 2), Some(TokenTree::Group(_)))
                {
                    self.call(&method, line);
                }
            } else if !own {
                self.path(&path, line);
            }
        }
    }
}

/// The names of a path; empty where it begins with `::`, in another crate.
fn segments(path: &syn::Path) -> Vec<String> {
    match path.leading_colon {
        Some(_) => vec!["".into()],
        None => path.segments.iter().map(|segment| segment.ident.to_string()).collect(),
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !attributes(item).iter().any(is_test) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        if matches!(import.vis, Visibility::Inherited) {
            for leaf in leaves(&import.tree) {
                self.path(&leaf.path, leaf.line);
                // What a glob brings into a whole module is seen where it is named.
                if leaf.name.is_none() && self.blocks > 0 {
                    for target in self.sources.resolve(self.module, &leaf.path) {
                        if let Target::Module(module) = target {
                            self.arrow(self.sources.modules[module].file, leaf.line, &leaf.path.join("::"));
                        }
                    }
                }
            }
        }
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.blocks += 1;
        visit::visit_block(self, block);
        self.blocks -= 1;
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let around = std::mem::replace(&mut self.subject, type_name(&block.self_ty));
        visit::visit_item_impl(self, block);
        self.subject = around;
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            _ => &[],
        };
        if !attributes.iter().any(is_test) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !field.attrs.iter().any(is_test) {
            visit::visit_field(self, field);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if matches!(&*call.receiver, Expr::Path(path) if path.path.is_ident("self")) {
            self.call(&call.method.to_string(), call.method.span().start().line);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.path(&segments(path), path.span().start().line);
        visit::visit_path(self, path);
    }

    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        // A constant; a variable begins with a small letter.
        if pattern.ident.to_string().starts_with(char::is_uppercase) {
            self.path(&[pattern.ident.to_string()], pattern.ident.span().start().line);
        }
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.macro_call(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        let syn::Meta::List(list) = &attribute.meta else { return };
        self.tokens(list.tokens.clone());
        // `#[serde(with = "path")]`.
        for token in list.tokens.clone() {
            if let TokenTree::Literal(literal) = token
                && let Ok(text) = syn::parse2::<syn::LitStr>(TokenTree::from(literal).into())
                && let Ok(path) = text.parse::<syn::Path>()
            {
                self.path(&segments(&path), text.span().start().line);
            }
        }
    }
}
