//! Reads values out of JavaScript or TypeScript configuration without running it: literals, objects, lists,
//! constants of the same file, and the right side of `??` when the left side is not known. Everything else is
//! [`Js::Unknown`], and whoever needs the value asks the author for it.

use std::collections::HashMap;

/// Longest configuration that is looked at, in bytes.
const MAX_BYTES: usize = 512 * 1024;
/// Deepest nesting of objects and lists that is followed.
const MAX_DEPTH: usize = 64;

/// A value as far as it can be told without running anything.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Js {
    Text(String),
    Number(String),
    Bool(bool),
    Null,
    List(Vec<Js>),
    /// In source order; of repeated keys the last one counts.
    Map(Vec<(String, Js)>),
    /// Computed.
    Unknown,
}

impl Js {
    pub(crate) fn get(&self, key: &str) -> Option<&Js> {
        match self {
            Self::Map(entries) => entries.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> &[Js] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }
}

/// Gives the source of a module by its relative path.
type Load<'l> = dyn Fn(&str) -> Option<String> + 'l;

/// The value that a module exports, or the object in it that has one of `keys` when the export is a function.
///
/// Constants that it imports from modules of its own (`./x`, given by `load`) are known; what those import in
/// turn is not.
pub(crate) fn read_module(source: &str, keys: &[&str], load: &Load<'_>) -> Js {
    if source.len() > MAX_BYTES {
        return Js::Unknown;
    }
    let tokens = tokenize(source);
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0, constants: HashMap::new() };
    parser.imports(load);
    parser.collect_constants();
    let mut exported = Js::Unknown;
    for at in 0..tokens.len() {
        let after = match &tokens[at..] {
            [Token::Name("export"), Token::Name("default"), ..] => at + 2,
            [Token::Name("module"), Token::Sign('.'), Token::Name("exports"), Token::Sign('='), ..] => at + 4,
            _ => continue,
        };
        parser.at = after;
        exported = parser.value();
    }
    let useful = |value: &Js| matches!(value, Js::Map(_)) && keys.iter().any(|key| value.get(key).is_some());
    if useful(&exported) {
        return exported;
    }
    // A function that builds the configuration: the object it returns or fills is somewhere in the file.
    let mut attempts = 0;
    for at in 1..tokens.len() {
        let opens = tokens[at] == Token::Sign('{')
            && matches!(tokens[at - 1], Token::Name("return") | Token::Sign('=' | '(' | '>'));
        if opens && attempts < 200 {
            attempts += 1;
            parser.at = at;
            let value = parser.value();
            if useful(&value) {
                return value;
            }
        }
    }
    exported
}

#[derive(Debug, Clone, PartialEq)]
enum Token<'a> {
    Text(String),
    /// A template with placeholders.
    Template,
    Number(&'a str),
    Name(&'a str),
    Sign(char),
}

fn tokenize(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let bytes = source.as_bytes();
    let mut at = 0;
    while let Some(character) = source[at..].chars().next() {
        let rest = &source[at..];
        if character.is_whitespace() {
            at += character.len_utf8();
        } else if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if let Some(comment) = rest.strip_prefix("/*") {
            at += comment.find("*/").map_or(rest.len(), |end| end + 4);
        } else if matches!(character, '"' | '\'' | '`') {
            let length = quoted_length(rest, character);
            let literal = crate::markdown::tags::literal(&rest[..length]);
            tokens.push(literal.map_or(Token::Template, Token::Text));
            at += length;
        } else if character == '/' && starts_expression(tokens.last()) {
            // A regular expression, which may hold quotes and brackets.
            let line = rest.find('\n').unwrap_or(rest.len());
            let mut end = 1;
            let mut class = false;
            while end < line && (class || bytes[at + end] != b'/') {
                match bytes[at + end] {
                    b'\\' => end += 1,
                    b'[' => class = true,
                    b']' => class = false,
                    _ => {}
                }
                end += 1;
            }
            tokens.push(Token::Template);
            at += (end + 1).min(line.max(1));
            while !source.is_char_boundary(at) {
                at += 1;
            }
        } else if character.is_alphabetic() || matches!(character, '_' | '$') {
            let length =
                rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$'))).unwrap_or(rest.len());
            tokens.push(Token::Name(&rest[..length]));
            at += length;
        } else if character.is_ascii_digit() {
            let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(rest.len());
            tokens.push(Token::Number(&rest[..length]));
            at += length;
        } else {
            tokens.push(Token::Sign(character));
            at += character.len_utf8();
        }
    }
    tokens
}

fn starts_expression(previous: Option<&Token<'_>>) -> bool {
    matches!(
        previous,
        None | Some(Token::Sign('(' | ',' | '=' | ':' | '[' | '!' | '&' | '|' | '?' | '{' | '}' | ';'))
    )
}

/// Length of the string or template at the start of `text`, quotes included.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            return at + 1;
        } else if character == '\n' && quote != '`' {
            return at;
        }
    }
    text.len()
}

struct Parser<'t, 's> {
    tokens: &'t [Token<'s>],
    at: usize,
    depth: usize,
    constants: HashMap<&'s str, Js>,
}

impl<'t, 's> Parser<'t, 's> {
    fn peek(&self) -> Option<&'t Token<'s>> {
        self.tokens.get(self.at)
    }

    fn eat(&mut self, sign: char) -> bool {
        let found = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(found);
        found
    }

    /// Takes over what `import name from './x'` and `import {a, b} from './x'` name.
    fn imports(&mut self, load: &Load<'_>) {
        for at in 0..self.tokens.len() {
            if self.tokens[at] != Token::Name("import") {
                continue;
            }
            let statement = self.tokens[at + 1..].iter().take(64);
            let Some(length) = statement.clone().position(|token| *token == Token::Name("from")) else {
                continue;
            };
            let Some(Token::Text(path)) = self.tokens.get(at + 2 + length) else { continue };
            if !path.starts_with('.') {
                continue;
            }
            let Some(source) = load(path).filter(|source| source.len() <= MAX_BYTES) else { continue };
            if path.ends_with(".json") {
                continue;
            }
            let tokens = tokenize(&source);
            let mut module = Parser { tokens: &tokens, at: 0, depth: 0, constants: HashMap::new() };
            module.collect_constants();
            let mut braces = false;
            for token in statement.take(length) {
                match token {
                    Token::Sign('{') => braces = true,
                    Token::Name(name) if braces => {
                        if let Some(value) = module.constants.get(name) {
                            self.constants.insert(name, value.clone());
                        }
                    }
                    Token::Name(name) => {
                        let value = read_module(&source, &[], &|_| None);
                        self.constants.insert(name, value);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Finds `const name: Type = value` anywhere, in order, so later ones may use earlier ones.
    fn collect_constants(&mut self) {
        let mut at = 0;
        while at + 2 < self.tokens.len() {
            if let (Token::Name("const" | "let" | "var"), Token::Name(name)) =
                (&self.tokens[at], &self.tokens[at + 1])
            {
                self.at = at + 2;
                if self.peek() == Some(&Token::Sign(':')) {
                    while self.peek().is_some_and(|token| !matches!(token, Token::Sign('=' | ';'))) {
                        self.at += 1;
                    }
                }
                if self.eat('=') && self.peek() != Some(&Token::Sign('>')) {
                    let value = self.value();
                    self.constants.insert(name, value);
                }
            }
            at += 1;
        }
    }

    /// An expression up to the comma or bracket that ends it.
    fn value(&mut self) -> Js {
        self.depth += 1;
        let value = if self.depth > MAX_DEPTH { Js::Unknown } else { self.operand() };
        let value = self.rest_of_expression(value);
        self.depth -= 1;
        value
    }

    fn operand(&mut self) -> Js {
        let Some(token) = self.peek() else { return Js::Unknown };
        self.at += 1;
        match token {
            Token::Text(text) => Js::Text(text.clone()),
            Token::Number(number) => Js::Number((*number).to_owned()),
            Token::Name("true") => Js::Bool(true),
            Token::Name("false") => Js::Bool(false),
            Token::Name("null" | "undefined") => Js::Null,
            Token::Name("await") => self.operand(),
            Token::Name(name) => self.named(name),
            Token::Sign('{') => self.object(),
            Token::Sign('[') => self.array(),
            Token::Sign('(') => {
                let value = self.value();
                if self.eat(')') { value } else { Js::Unknown }
            }
            Token::Sign(_) | Token::Template => {
                self.at -= usize::from(matches!(token, Token::Sign(',' | '}' | ']' | ')' | ';')));
                Js::Unknown
            }
        }
    }

    /// A constant, or a call that only says where a file is.
    fn named(&mut self, name: &'s str) -> Js {
        let mut last = name;
        while self.peek() == Some(&Token::Sign('.')) {
            let Some(Token::Name(member)) = self.tokens.get(self.at + 1) else { break };
            last = member;
            self.at += 2;
        }
        if self.peek() == Some(&Token::Sign('(')) {
            let tells_path = name == "require" || (name == "path" && matches!(last, "join" | "resolve"));
            let passes_on = matches!(name, "defineConfig" | "themes");
            if tells_path || passes_on {
                self.at += 1;
                let arguments = self.items(')');
                if passes_on {
                    return arguments.into_iter().next().unwrap_or(Js::Unknown);
                }
                let parts: Vec<&str> = arguments.iter().filter_map(Js::text).collect();
                return if parts.is_empty() { Js::Unknown } else { Js::Text(parts.join("/")) };
            }
            return Js::Unknown;
        }
        if last == name { self.constants.get(name).cloned().unwrap_or(Js::Unknown) } else { Js::Unknown }
    }

    fn array(&mut self) -> Js {
        Js::List(self.items(']'))
    }

    /// Values parted by commas up to the closing bracket.
    fn items(&mut self, close: char) -> Vec<Js> {
        let mut items = Vec::new();
        while self.at < self.tokens.len() && !self.eat(close) {
            if self.eat(',') {
                continue;
            }
            if self.spread() {
                if let Js::List(more) = self.value() {
                    items.extend(more);
                }
                continue;
            }
            let before = self.at;
            items.push(self.value());
            if self.at == before {
                self.at += 1;
            }
        }
        items
    }

    fn spread(&mut self) -> bool {
        let dots = [Token::Sign('.'), Token::Sign('.'), Token::Sign('.')];
        let found = self.tokens[self.at..].starts_with(&dots);
        self.at += if found { 3 } else { 0 };
        found
    }

    fn object(&mut self) -> Js {
        let mut entries = Vec::new();
        while self.at < self.tokens.len() && !self.eat('}') {
            if self.eat(',') || self.eat(';') {
                continue;
            }
            if self.spread() {
                if let Js::Map(more) = self.value() {
                    entries.extend(more);
                }
                continue;
            }
            let key = match self.peek() {
                Some(Token::Text(text)) => text.clone(),
                Some(Token::Name(name)) => (*name).to_owned(),
                Some(Token::Number(number)) => (*number).to_owned(),
                _ => {
                    // A computed key.
                    self.skip_expression();
                    if !matches!(self.peek(), Some(Token::Sign(',' | '}'))) {
                        self.at += 1;
                    }
                    continue;
                }
            };
            self.at += 1;
            if self.eat(':') {
                let value = self.value();
                entries.push((key, value));
            } else if matches!(self.peek(), Some(Token::Sign(',' | '}'))) {
                let value = self.constants.get(key.as_str()).cloned().unwrap_or(Js::Unknown);
                entries.push((key, value));
            } else {
                // A method: its parameters and body are skipped.
                self.skip_expression();
            }
        }
        Js::Map(entries)
    }

    /// What follows an operand: operators decide whether its value still holds.
    fn rest_of_expression(&mut self, value: Js) -> Js {
        match &self.tokens[self.at.min(self.tokens.len())..] {
            [] | [Token::Sign(',' | '}' | ']' | ')' | ';'), ..] => value,
            [Token::Sign('?'), Token::Sign('?'), ..] | [Token::Sign('|'), Token::Sign('|'), ..] => {
                self.at += 2;
                let right = self.value();
                if matches!(value, Js::Unknown | Js::Null) { right } else { value }
            }
            [Token::Sign('+'), ..] => {
                self.at += 1;
                match (value, self.value()) {
                    (Js::Text(left), Js::Text(right)) => Js::Text(left + &right),
                    _ => Js::Unknown,
                }
            }
            [Token::Name("as" | "satisfies"), ..] => {
                self.skip_expression();
                value
            }
            // Without a semicolon the next statement begins here.
            [
                Token::Name("const" | "let" | "var" | "export" | "module" | "function" | "async" | "import"),
                ..,
            ] => value,
            _ => {
                self.skip_expression();
                Js::Unknown
            }
        }
    }

    /// Goes to the comma or bracket that ends the current expression.
    fn skip_expression(&mut self) {
        let mut open = 0_usize;
        while let Some(token) = self.peek() {
            match token {
                Token::Sign('{' | '[' | '(') => open += 1,
                Token::Sign('}' | ']' | ')') if open == 0 => return,
                Token::Sign('}' | ']' | ')') => open -= 1,
                Token::Sign(',' | ';') if open == 0 => return,
                _ => {}
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Js, read_module};

    fn check(source: &str, path: &str, expected: Option<&str>) {
        let mut value = &read_module(source, &["baseUrl"], &|_| None);
        for key in path.split('.') {
            value = match key.parse::<usize>() {
                Ok(index) => &value.list()[index],
                Err(_) => value.get(key).unwrap_or(&Js::Null),
            };
        }
        assert_eq!(value.text(), expected, "{path} in {source}");
    }

    #[test]
    fn all_module_forms_are_read() {
        for source in [
            "module.exports = {title: 'T', baseUrl: '/b/'};",
            "export default {title: \"T\", baseUrl: `/b/`}",
            "import type {Config} from '@docusaurus/types';\nconst config: Config = {\n  title: 'T', // c\n  baseUrl: '/b/',\n};\nexport default config;",
            "const base = '/b/'\nconst config = { baseUrl: base, ...{a: 1} } satisfies Config;\nmodule.exports = config",
            "module.exports = async function createConfig() {\n  const x = await import('x');\n  return { title: 'T', baseUrl: '/b/' };\n};",
            "export default defineConfig({baseUrl: '/b' + '/', on(a, b) { return {baseUrl: 'no'}; }, re: /['\"{]/g})",
            "export default (async () => { const config = {baseUrl: process.env.BASE ?? '/b/'}; return config; })();",
        ] {
            check(source, "baseUrl", Some("/b/"));
        }
    }

    #[test]
    fn computed_values_are_unknown_and_paths_are_told() {
        let source = "module.exports = {baseUrl: isProd ? '/a/' : '/', url: getUrl('x'), presets: [['classic', {docs: {sidebarPath: require.resolve('./s.js'), path: path.resolve(__dirname, '../docs')}}]]}";
        check(source, "baseUrl", None);
        check(source, "url", None);
        check(source, "presets.0.0", Some("classic"));
        check(source, "presets.0.1.docs.sidebarPath", Some("./s.js"));
        check(source, "presets.0.1.docs.path", Some("../docs"));
    }

    #[test]
    fn constants_of_own_modules_are_known() {
        let load = |path: &str| {
            (path == "./plugins")
                .then(|| "export const more: P[] = [['a', {b: 'c'}]];\nexport default {x: 'y'};".into())
        };
        let source = "import def, {more} from './plugins';\nexport default {baseUrl: '/', plugins: ['p', ...more], def};";
        let js = read_module(source, &["baseUrl"], &load);
        let plugins = js.get("plugins").expect("plugins").list();
        assert_eq!(plugins[1].list()[1].get("b").and_then(Js::text), Some("c"));
        assert_eq!(js.get("def").and_then(|def| def.get("x")).and_then(Js::text), Some("y"));
    }

    #[test]
    fn broken_and_deep_code_is_no_trouble() {
        for source in [
            "module.exports = {",
            "}}}}",
            "export default",
            &"[".repeat(5_000),
            &"module.exports={a:".repeat(3_000),
        ] {
            read_module(source, &["baseUrl"], &|_| None);
        }
    }
}
