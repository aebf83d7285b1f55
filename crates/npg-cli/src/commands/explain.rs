//! `npg explain [KEY]`: what configuration keys, environments and metrics mean.

use npg::config::{KEYS, Key, TABLES, find};
use npg::env::registry::{self, Entry};
use npg::metrics::{METRICS, Metric};

use crate::text;

/// Everything about one name, or a list of all names.
pub(crate) fn explain(name: Option<&str>) -> npg::Result<String> {
    let Some(name) = name else { return Ok(everything()) };
    if let Some(key) = find(name).or_else(|| only_key_named(name)) {
        return Ok(key_text(key, text::width().min(100)));
    }
    if let Some(table) = TABLES.iter().find(|table| table.name == name) {
        return Ok(format!("[{}] {}\n\n{}", table.name, table.summary, key_list(table.name)));
    }
    if let Some(entry) = registry::entries().find(|entry| entry.id == name) {
        return Ok(environment_text(entry));
    }
    if let Some(metric) = METRICS.iter().find(|metric| metric.name == name) {
        return Ok(metric_text(metric));
    }
    let several: Vec<&str> = KEYS.iter().filter(|key| key.name() == name).map(|key| key.path).collect();
    let message = match npg::nearest(name, known_names()) {
        _ if !several.is_empty() => format!("there are {}; which one?", several.join(" and ")),
        Some(near) => format!("nothing has this name; did you mean `{near}`?"),
        None => "nothing has this name; `npg explain` lists everything".into(),
    };
    Err(npg::Error::config(name, message))
}

/// The key of that name without its table, if only one table has it.
fn only_key_named(name: &str) -> Option<&'static Key> {
    let mut keys = KEYS.iter().filter(|key| key.name() == name);
    keys.next().filter(|_| keys.next().is_none())
}

fn known_names() -> impl Iterator<Item = &'static str> {
    let keys = KEYS.iter().flat_map(|key| [key.path, key.name()]);
    keys.chain(TABLES.iter().map(|table| table.name))
        .chain(registry::ids())
        .chain(METRICS.iter().map(|metric| metric.name))
}

fn everything() -> String {
    let mut page = String::new();
    for table in TABLES {
        page.push_str(&format!("[{}] {}\n{}\n", table.name, table.summary, key_list(table.name)));
    }
    page.push_str("[env] The environment's own options; `npg explain ENV` lists them.\n\nLogged metrics\n");
    let rows: Vec<[String; 2]> =
        METRICS.iter().map(|metric| [format!("  {}", metric.name), metric.sentence.into()]).collect();
    page + &text::columns(&rows)
}

fn key_list(table: &str) -> String {
    let keys = KEYS.iter().filter(|key| key.table() == table);
    let rows: Vec<[String; 3]> =
        keys.map(|key| [format!("  {}", key.path), key.default_value().to_string(), key.summary.into()]).collect();
    text::columns(&rows)
}

fn key_text(key: &Key, width: usize) -> String {
    let facts = [["  default".into(), key.default_value().to_string()], ["  takes".into(), key.kind.to_string()]];
    format!("{}: {}\n\n{}\n{}", key.path, key.summary, text::columns(&facts), text::wrapped(key.details, width))
}

fn environment_text(entry: &Entry) -> String {
    let options = entry.options.iter().map(|option| {
        [format!("  env.{}", option.name), option.kind.default().to_string(), option.sentence.to_string()]
    });
    let options: Vec<[String; 3]> = options.collect();
    let list = if options.is_empty() { "It takes no options.\n".into() } else { text::columns(&options) };
    format!("{}: {}\n\n{list}", entry.id, entry.sentence)
}

fn metric_text(metric: &Metric) -> String {
    let facts = [["  unit".into(), metric.unit.into()], ["  healthy".into(), metric.healthy.into()]];
    format!("{}: {}\n\n{}", metric.name, metric.sentence, text::columns(&facts))
}
