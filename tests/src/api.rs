//! What a crate offers to others, one line each, read from its sources.
//!
//! Types stand as they are written, and items that a macro makes stand as the call of that macro.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Fields, FnArg, Generics, ImplItem, Item, Meta, Path, ReturnType, Safety, Signature, Token, TraitItem,
    Type, Visibility,
};

use crate::sources::{Sources, Target, attributes, is_public, is_test, leaves, name};

/// The lines of a crate's public face in the order of their paths: items, the traits that they implement, their
/// methods, fields and variants.
pub fn listing(krate: &str, sources: &Sources) -> Vec<String> {
    let (paths, traits) = (BTreeMap::new(), BTreeMap::new());
    let mut face =
        Face { krate: krate.to_owned(), sources, paths, traits, modules: BTreeSet::new(), lines: BTreeSet::new() };
    face.module(0, krate);
    for index in 0..sources.modules.len() {
        for item in &sources.modules[index].items {
            face.item(index, item);
        }
    }
    for (subject, traits) in std::mem::take(&mut face.traits) {
        let traits = traits.into_iter().collect::<Vec<_>>().join(", ");
        face.lines.insert((subject.clone(), Kind::Traits, format!("impl {subject}: {traits}")));
    }
    face.lines.into_iter().map(|(_, _, line)| line).collect()
}

/// What a line is of its path, in the order of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Item,
    Traits,
    Impl,
    /// A macro's call, which has no path.
    Made,
}

struct Face<'a> {
    krate: String,
    sources: &'a Sources,
    /// The public paths of items, by the module that defines them and their name there.
    paths: BTreeMap<(usize, String), BTreeSet<String>>,
    /// Public modules with their public paths.
    modules: BTreeSet<(usize, String)>,
    /// The traits of a type that it implements without conditions.
    traits: BTreeMap<String, BTreeSet<String>>,
    /// With the path that each is about.
    lines: BTreeSet<(String, Kind, String)>,
}

impl Face<'_> {
    fn add(&mut self, path: &str, line: String) {
        self.lines.insert((path.to_owned(), Kind::Item, line));
    }

    /// Finds what is public in a module that can be reached by this path.
    fn module(&mut self, module: usize, path: &str) {
        if !self.modules.insert((module, path.to_owned())) {
            return;
        }
        let sources = self.sources;
        let inner = sources.modules.iter().enumerate().skip(1).filter(|(_, inner)| inner.parent == module);
        for (index, inner) in inner.filter(|(_, inner)| inner.is_public) {
            let path = format!("{path}::{}", inner.path[inner.path.len() - 1]);
            self.add(&path, format!("pub mod {path}"));
            self.module(index, &path);
        }
        for item in &sources.modules[module].items {
            match item {
                Item::Use(import) if is_public(&import.vis) => self.re_export(module, import, path),
                Item::Macro(made) if made.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) => {
                    let name = made.ident.as_ref().map_or(String::new(), ToString::to_string);
                    let path = format!("{}::{name}", self.krate);
                    self.add(&path, format!("pub macro {path}!"));
                }
                item if visibility(item).is_some_and(is_public) => {
                    if let Some(name) = name(item) {
                        self.found(module, &name, format!("{path}::{name}"));
                    }
                }
                _ => {}
            }
        }
    }

    fn re_export(&mut self, module: usize, import: &syn::ItemUse, path: &str) {
        for leaf in leaves(&import.tree) {
            let targets = self.sources.resolve(module, &leaf.path);
            let place = leaf.name.as_ref().map_or(path.to_owned(), |name| format!("{path}::{name}"));
            if targets.is_empty() {
                let star = if leaf.name.is_none() { "::*" } else { "" };
                self.add(&place, format!("pub use {place}{star} = {}{star}", leaf.path.join("::")));
            }
            for target in targets {
                match target {
                    Target::Module(inner) => self.module(inner, &place),
                    Target::Item(of, name) => self.found(of, &name, place.clone()),
                }
            }
        }
    }

    fn found(&mut self, module: usize, name: &str, path: String) {
        self.paths.entry((module, name.to_owned())).or_default().insert(path);
    }

    /// Adds the lines of one item under each of its public paths.
    fn item(&mut self, module: usize, item: &Item) {
        match item {
            Item::Impl(block) => return self.implementation(module, block),
            Item::Macro(call) if call.ident.is_none() => return self.made(module, call),
            _ => {}
        }
        let paths = name(item).and_then(|name| self.paths.get(&(module, name))).cloned().unwrap_or_default();
        for path in paths {
            let marks = marks(attributes(item));
            let line = match item {
                Item::Const(item) => format!("const {path}: {}", text(&item.ty)),
                Item::Static(item) => format!("static {path}: {}", text(&item.ty)),
                Item::Type(item) => format!("type {path}{} = {}", generics(&item.generics), text(&item.ty)),
                Item::Fn(item) => signature(&item.sig, &path),
                Item::Union(item) => format!("union {path}{}", generics(&item.generics)),
                Item::Struct(item) => format!("struct {path}{}", generics(&item.generics)),
                Item::Enum(item) => format!("enum {path}{}", generics(&item.generics)),
                Item::Trait(item) => {
                    let (safety, supers) = (word(&item.unsafety), bounds(&item.supertraits));
                    format!("{safety}trait {path}{}{supers}", generics(&item.generics))
                }
                _ => continue,
            };
            self.add(&path, format!("{marks}pub {line}"));
            match item {
                Item::Struct(item) => {
                    for (index, field) in item.fields.iter().enumerate().filter(|(_, field)| is_public(&field.vis)) {
                        let name = field.ident.as_ref().map_or_else(|| index.to_string(), ToString::to_string);
                        let path = format!("{path}::{name}");
                        self.add(&path, format!("pub {path}: {}", text(&field.ty)));
                    }
                }
                Item::Enum(item) => {
                    for variant in &item.variants {
                        let path = format!("{path}::{}", variant.ident);
                        self.add(&path, format!("pub {path}{}", inside(variant)));
                    }
                }
                Item::Trait(item) => {
                    for item in &item.items {
                        if let Some((path, line)) = trait_item(item, &path) {
                            self.add(&path, line);
                        }
                    }
                }
                _ => {}
            }
            let derived = derives(attributes(item)).iter().map(text).collect::<Vec<_>>();
            if !derived.is_empty() {
                self.traits.entry(path).or_default().extend(derived);
            }
        }
    }

    fn implementation(&mut self, module: usize, block: &syn::ItemImpl) {
        let of = self.public(module, &block.self_ty);
        let Some((of_trait, _)) = &block.trait_ else {
            for path in of.into_iter().flatten() {
                for item in &block.items {
                    if let Some((path, line)) = associated(item, &path) {
                        self.add(&path, line);
                    }
                }
            }
            return;
        };
        // Of a type of another crate it counts where the trait is one of this face.
        let names: Vec<String> = of_trait.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let own_trait = self.sources.resolve(module, &names).into_iter().any(|target| match target {
            Target::Item(module, name) => self.paths.contains_key(&(module, name)),
            Target::Module(_) => false,
        });
        let applied = match &*block.self_ty {
            Type::Path(of) => of.path.segments.last().map_or(String::new(), |segment| text(&segment.arguments)),
            _ => String::new(),
        };
        let (subjects, applied) = match of {
            Some(paths) => (paths, applied),
            None if own_trait => (vec![text(&block.self_ty)], String::new()),
            None => return,
        };
        let (safety, marks) = (word(&block.unsafety), marks(&block.attrs));
        let (open, limits) = (parameters(&block.generics), text(&block.generics.where_clause));
        let types = block.items.iter().filter_map(|item| match item {
            ImplItem::Type(item) => Some(format!("{} = {}", item.ident, text(&item.ty))),
            _ => None,
        });
        let types = types.collect::<Vec<_>>().join(", ");
        let of_trait = text(of_trait) + &if types.is_empty() { types } else { format!(" ({types})") };
        for subject in subjects {
            if [&*safety, &*marks, &*open, &*limits].concat().is_empty() {
                self.traits.entry(subject).or_default().insert(of_trait.clone());
            } else {
                let line = format!("{marks}{safety}impl{open} {of_trait} for {subject}{applied} {limits}");
                let line = line.trim_end().to_owned();
                self.lines.insert((subject, Kind::Impl, line));
            }
        }
    }

    /// The public paths of a type of this crate, which may be none. `None`: a type of another crate.
    fn public(&self, module: usize, of: &Type) -> Option<Vec<String>> {
        let Type::Path(of) = of else { return None };
        let names: Vec<String> = of.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let found = self.sources.resolve(module, &names);
        let paths = found.iter().filter_map(|target| match target {
            Target::Item(module, name) => Some(self.paths.get(&(*module, name.clone()))?.iter()),
            Target::Module(_) => None,
        });
        let paths = paths.flatten().cloned().collect();
        (!found.is_empty()).then_some(paths)
    }

    /// A call of a macro of this crate that makes public items.
    fn made(&mut self, module: usize, call: &syn::ItemMacro) {
        let names: Vec<String> = call.mac.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let [name] = &names[..] else { return };
        let defines =
            |item: &&Item| matches!(item, Item::Macro(made) if made.ident.as_ref().is_some_and(|it| it == name));
        let definition = self.sources.modules.iter().flat_map(|module| &module.items).find(defines);
        if let Some(Item::Macro(definition)) = definition
            && makes_public(definition.mac.tokens.clone())
        {
            let place = [std::slice::from_ref(&self.krate), &self.sources.modules[module].path[..]].concat().join("::");
            let line = format!("made in {place} by {name}! {{ {} }}", spaced(call.mac.tokens.clone()));
            self.lines.insert(("~".into(), Kind::Made, line));
        }
    }
}

/// Whether there is a `pub` without a limit among the tokens.
fn makes_public(tokens: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => makes_public(group.stream()),
        TokenTree::Ident(ident) if ident == "pub" => {
            !matches!(tokens.get(at + 1), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
        }
        _ => false,
    })
}

fn visibility(item: &Item) -> Option<&Visibility> {
    match item {
        Item::Const(item) => Some(&item.vis),
        Item::Enum(item) => Some(&item.vis),
        Item::Fn(item) => Some(&item.vis),
        Item::Static(item) => Some(&item.vis),
        Item::Struct(item) => Some(&item.vis),
        Item::Trait(item) => Some(&item.vis),
        Item::Type(item) => Some(&item.vis),
        Item::Union(item) => Some(&item.vis),
        _ => None,
    }
}

/// The attributes that a user of the item notices.
fn marks(attributes: &[Attribute]) -> String {
    let noticed = |attribute: &&Attribute| {
        let hidden = attribute.path().is_ident("doc") && text(&attribute.meta).contains("hidden");
        hidden || ["cfg", "deprecated", "must_use", "non_exhaustive"].iter().any(|it| attribute.path().is_ident(it))
    };
    attributes.iter().filter(noticed).map(|attribute| format!("#[{}] ", text(&attribute.meta))).collect()
}

fn derives(attributes: &[Attribute]) -> Vec<Path> {
    let lists = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("derive") => {
            list.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated).ok()
        }
        _ => None,
    });
    lists.flatten().collect()
}

/// What a variant holds.
fn inside(variant: &syn::Variant) -> String {
    let value = variant.discriminant.as_ref().map_or(String::new(), |(_, value)| format!(" = {}", text(value)));
    let types = variant.fields.iter().map(|field| match &field.ident {
        Some(name) => format!("{name}: {}", text(&field.ty)),
        None => text(&field.ty),
    });
    let types = types.collect::<Vec<_>>().join(", ");
    match variant.fields {
        Fields::Named(_) => format!(" {{ {types} }}"),
        Fields::Unnamed(_) => format!("({types})"),
        Fields::Unit => value,
    }
}

/// The line of an item of a trait, and its path.
fn trait_item(item: &TraitItem, path: &str) -> Option<(String, String)> {
    let kind = |provided| if provided { "provided" } else { "required" };
    match item {
        TraitItem::Fn(item) => {
            let path = format!("{path}::{}", item.sig.ident);
            let (marks, kind) = (marks(&item.attrs), kind(item.default.is_some()));
            Some((path.clone(), format!("{marks}pub {kind} {}", signature(&item.sig, &path))))
        }
        TraitItem::Const(item) => {
            let path = format!("{path}::{}", item.ident);
            Some((path.clone(), format!("pub {} const {path}: {}", kind(item.default.is_some()), text(&item.ty))))
        }
        TraitItem::Type(item) => {
            let path = format!("{path}::{}", item.ident);
            let line = format!("pub required type {path}{}{}", generics(&item.generics), bounds(&item.bounds));
            Some((path, line))
        }
        _ => None,
    }
}

/// The line of a public method or constant, and its path.
fn associated(item: &ImplItem, path: &str) -> Option<(String, String)> {
    match item {
        ImplItem::Fn(item) if is_public(&item.vis) && !item.attrs.iter().any(is_test) => {
            let path = format!("{path}::{}", item.sig.ident);
            Some((path.clone(), format!("{}pub {}", marks(&item.attrs), signature(&item.sig, &path))))
        }
        ImplItem::Const(item) if is_public(&item.vis) => {
            let path = format!("{path}::{}", item.ident);
            Some((path.clone(), format!("{}pub const {path}: {}", marks(&item.attrs), text(&item.ty))))
        }
        _ => None,
    }
}

/// `const fn path<T>(arguments) -> answer where ..`.
fn signature(of: &Signature, path: &str) -> String {
    let safety = match &of.safety {
        Safety::Default => String::new(),
        written => text(written) + " ",
    };
    let words = [word(&of.constness), word(&of.asyncness), safety, word(&of.abi)].concat();
    let arguments = of.inputs.iter().map(argument).collect::<Vec<_>>().join(", ");
    let answer = match &of.output {
        ReturnType::Default => String::new(),
        ReturnType::Type(_, answer) => format!(" -> {}", text(answer)),
    };
    let limits = text(&of.generics.where_clause);
    format!("{words}fn {path}{}({arguments}){answer} {limits}", parameters(&of.generics)).trim_end().to_owned()
}

/// One argument. Whether its variable is `mut` is no business of callers.
fn argument(of: &FnArg) -> String {
    let argument = text(of);
    argument.strip_prefix("mut ").map_or(argument.clone(), Into::into)
}

/// `<T: Bound>`, or nothing.
fn parameters(of: &Generics) -> String {
    if of.params.is_empty() { String::new() } else { text(of) }
}

/// The parameters and their limits.
fn generics(of: &Generics) -> String {
    let limits = text(&of.where_clause);
    if limits.is_empty() { parameters(of) } else { format!("{} {limits}", parameters(of)) }
}

fn bounds<P: ToTokens>(of: &Punctuated<syn::TypeParamBound, P>) -> String {
    if of.is_empty() { String::new() } else { format!(": {}", text(of)) }
}

/// A keyword and a space, if it is there.
fn word<T: ToTokens>(of: &Option<T>) -> String {
    of.as_ref().map_or(String::new(), |it| text(it) + " ")
}

/// Code as people space it.
fn text(of: &(impl ToTokens + ?Sized)) -> String {
    spaced(of.to_token_stream())
}

fn spaced(tokens: TokenStream) -> String {
    let mut out = String::new();
    write(tokens, &mut out);
    out
}

fn write(tokens: TokenStream, out: &mut String) {
    // Whether the next token follows without a space.
    let mut tight = true;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{ ", " }"),
                    Delimiter::None => ("", ""),
                };
                let name = |c: char| c.is_alphanumeric() || c == '>';
                let called = group.delimiter() == Delimiter::Parenthesis && out.ends_with(name) && !out.ends_with("->");
                if !tight && !called {
                    out.push(' ');
                }
                out.push_str(open);
                write(group.stream(), out);
                out.push_str(close);
                tight = false;
            }
            TokenTree::Punct(punct) => {
                let joint = punct.spacing() == Spacing::Joint;
                let char = punct.as_char();
                let before = match char {
                    ',' | ';' | ':' | '>' | '?' | '.' | '!' => false,
                    '<' => !out.ends_with(|c: char| c.is_alphanumeric() || c == ':'),
                    _ => true,
                };
                if !tight && before {
                    out.push(' ');
                }
                out.push(char);
                tight = joint
                    || out.ends_with("::")
                    || matches!(char, '&' | '\'' | '<' | '.' | '?' | '*' | '#' | '!' | '$');
            }
            other => {
                if !tight {
                    out.push(' ');
                }
                out.push_str(&other.to_string());
                tight = false;
            }
        }
    }
}
