//! Processes and policies in JSON files.

use super::{Mdp, TabularPolicy, Transition};
use npg_core::{Error, FileFault, Result, nearest};
use serde_json::{Map, Value};
use std::io::Read;
use std::path::Path;

/// The content of a JSON file of a process:
/// `{"gamma", "transition": [S][A][S] or a list of [s, a, s', p], "reward": [S][A], "start": [S], "logits": [S][A]}`.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// The process.
    pub mdp: Mdp,
    /// The policy of the logits, if the file has any.
    pub policy: Option<TabularPolicy>,
}

/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 30;
const KEYS: [&str; 5] = ["gamma", "transition", "reward", "start", "logits"];

impl File {
    /// Reads a process.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, and [`Error::File`] with the wrong entry and its value.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        read(path.as_ref(), Self::parse)
    }

    /// The process in a JSON text.
    ///
    /// # Errors
    /// A sentence that names the entry, its value and what it must be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Value::Object(object) = json(text)? else { return Err("an object {...} was expected".into()) };
        if let Some(key) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let near = nearest(key, KEYS).map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
            let key: String = key.escape_debug().take(40).collect();
            return Err(format!("unknown key `{key}`{near}; there are `{}`", KEYS.join("`, `")));
        }
        let gamma = number(required(&object, "gamma")?, "gamma")?;
        let (reward, actions) = table(required(&object, "reward")?, "reward")?;
        let start = list(required(&object, "start")?, "start")?;
        if start.len() != reward.len() / actions {
            let (given, states) = (start.len(), reward.len() / actions);
            return Err(format!("start has {given} numbers, but reward has {states} states"));
        }
        let transitions = transitions(required(&object, "transition")?, start.len(), actions)?;
        let shape = (start.len(), actions);
        let mdp = Mdp::new(gamma, start, actions, reward, &transitions)?;
        let logits = object.get("logits").map(|value| policy_of(value, "logits", shape));
        Ok(Self { mdp, policy: logits.transpose()? })
    }
}

/// Reads a policy for S states and A actions. The file has `[S][A]` probabilities, or an object with `policy` (probabilities)
/// or `logits`.
///
/// # Errors
/// Those of [`File::read`].
pub fn policy_from_json(path: impl AsRef<Path>, shape: (usize, usize)) -> Result<TabularPolicy> {
    read(path.as_ref(), |text| match json(text)? {
        Value::Object(object) => match (object.get("policy"), object.get("logits")) {
            (Some(value), None) => policy_of(value, "policy", shape),
            (None, Some(value)) => policy_of(value, "logits", shape),
            (Some(_), Some(_)) => Err("it has both `policy` and `logits`; keep one of them".into()),
            (None, None) => Err("it has neither `policy` (probabilities) nor `logits`".into()),
        },
        value => policy_of(&value, "policy", shape),
    })
}

fn read<T>(path: &Path, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T> {
    let io = |source| Error::Io { doing: "read", path: path.into(), source };
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(io)?;
    if bytes.len() as u64 > MAX_BYTES {
        let fault = FileFault::Damaged(format!("it has more than {MAX_BYTES} bytes; write sparse transitions"));
        return Err(Error::File { path: path.into(), fault });
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8 text".to_owned());
    text.and_then(parse).map_err(|fault| Error::File { path: path.into(), fault: FileFault::Damaged(fault) })
}

/// Parses JSON. If the text has NaN or an infinity, which JSON does not allow, the message names the key.
fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| {
        let line: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let at = (line + error.column().saturating_sub(1)).min(text.len());
        let word = |word: &&str| {
            [at, at.saturating_sub(1)].iter().any(|i| text.get(*i..).is_some_and(|t| t.starts_with(word)))
        };
        let Some(word) = ["NaN", "Infinity", "-Infinity"].iter().find(|w| word(w)) else {
            return format!("it is not JSON: {error}");
        };
        let before = text.get(..at).unwrap_or_default();
        let key = before.rfind("\":").and_then(|end| before[..end].rfind('"').map(|begin| &before[begin + 1..end]));
        format!("{} holds {word} at line {}, but numbers must be finite", key.unwrap_or("it"), error.line())
    })
}

fn required<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a Value, String> {
    object.get(key).ok_or_else(|| format!("`{key}` is missing"))
}

fn policy_of(value: &Value, name: &str, (states, actions): (usize, usize)) -> Result<TabularPolicy, String> {
    let (numbers, columns) = table(value, name)?;
    if (numbers.len() / columns, columns) != (states, actions) {
        let rows = numbers.len() / columns;
        return Err(format!(
            "{name} is {rows} x {columns}, but it must be {states} x {actions}, one per state and action"
        ));
    }
    if name == "logits" {
        TabularPolicy::softmax(actions, numbers)
    } else {
        TabularPolicy::from_probabilities(actions, numbers)
    }
}

fn number(value: &Value, place: &str) -> Result<f64, String> {
    let finite = value.as_f64().filter(|x| x.is_finite());
    finite.ok_or_else(|| format!("{place} is {}, but a finite number was expected", short(value)))
}

fn array<'a>(value: &'a Value, place: &str) -> Result<&'a [Value], String> {
    match value.as_array() {
        Some(values) if !values.is_empty() => Ok(values),
        _ => Err(format!("{place} is {}, a list [...] was expected", short(value))),
    }
}

fn list(value: &Value, place: &str) -> Result<Vec<f64>, String> {
    let values = array(value, place)?.iter().enumerate();
    values.map(|(i, x)| number(x, &format!("{place}[{i}]"))).collect()
}

/// The numbers of rows of equal length, and that length.
fn table(value: &Value, place: &str) -> Result<(Vec<f64>, usize), String> {
    let (mut numbers, mut columns) = (Vec::new(), None);
    for (i, row) in array(value, place)?.iter().enumerate() {
        let row = list(row, &format!("{place}[{i}]"))?;
        let expected = *columns.get_or_insert(row.len());
        if row.len() != expected {
            return Err(format!("{place}[{i}] has {} numbers, but the rows before have {expected}", row.len()));
        }
        numbers.extend(row);
    }
    Ok((numbers, columns.expect("a list has at least one row")))
}

/// Dense [S][A][S], or a list of [s, a, s', p].
fn transitions(value: &Value, states: usize, actions: usize) -> Result<Vec<Transition>, String> {
    let rows = array(value, "transition")?;
    if rows[0].get(0).is_some_and(Value::is_number) {
        return rows.iter().enumerate().map(|(i, row)| sparse(row, i)).collect();
    }
    let count = |have: usize, must: usize, place: &str, what: &str| {
        if have == must {
            Ok(())
        } else {
            Err(format!("{place} has {have} entries, but it must have {must}, one for {what}"))
        }
    };
    count(rows.len(), states, "transition", "a state")?;
    let mut all = Vec::new();
    for (state, row) in rows.iter().enumerate() {
        let place = format!("transition[{state}]");
        let row = array(row, &place)?;
        count(row.len(), actions, &place, "an action")?;
        for (action, row) in row.iter().enumerate() {
            let place = format!("transition[{state}][{action}]");
            let probabilities = list(row, &place)?;
            count(probabilities.len(), states, &place, "a next state")?;
            let entry = |(next, probability)| Transition { state, action, next, probability };
            all.extend(probabilities.into_iter().enumerate().map(entry));
        }
    }
    Ok(all)
}

fn sparse(row: &Value, index: usize) -> Result<Transition, String> {
    let place = format!("transition[{index}]");
    let wrong = || format!("{place} is {}, [state, action, next state, probability] was expected", short(row));
    let entry = array(row, &place)?;
    let [state, action, next, probability] = entry else { return Err(wrong()) };
    // Some libraries write 3.0 for 3.
    let whole = |x: &f64| x.fract() == 0.0 && (0.0..1e9).contains(x);
    let index = |value: &Value| value.as_f64().filter(whole).map(|x| x as usize).ok_or_else(wrong);
    let probability = number(probability, &format!("{place}[3]"))?;
    Ok(Transition { state: index(state)?, action: index(action)?, next: index(next)?, probability })
}

/// A value as JSON, cut to a readable length.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 40 { text.chars().take(37).chain("...".chars()).collect() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"gamma": 0.9, "transition": [[[0, 1], [1, 0]], [[0.5, 0.5], [0, 1]]], "reward": [[0, 1], [2, 3]],
        "start": [1, 0], "logits": [[0, 0], [0, 1]]}"#;

    #[test]
    fn dense_and_sparse_are_the_same_process() {
        let dense = File::parse(GOOD).unwrap();
        let list = "[[0, 0, 1, 1], [0, 1, 0, 1], [1, 0, 0, 0.25], [1, 0, 0, 0.25], [1, 0, 1, 0.5], [1, 1, 1, 1]]";
        let sparse = GOOD.replace("[[[0, 1], [1, 0]], [[0.5, 0.5], [0, 1]]]", list);
        assert_eq!(File::parse(&sparse).unwrap(), dense);
        assert_eq!(dense.mdp.reward(), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(dense.policy.unwrap().row(0), [0.5, 0.5]);
    }

    #[test]
    fn every_mistake_is_named() {
        for (from, to, expected) in [
            ("0.9", "1.0", "gamma is 1, but it must be at least 0 and below 1"),
            ("0.9", "NaN", "gamma holds NaN at line 1, but numbers must be finite"),
            ("0.9", "\"a\"", "gamma is \"a\", but a finite number was expected"),
            ("[0.5, 0.5]", "[0.5, 0.4]", "transition[1][0] sums to 0.9, but it must be 1"),
            ("[0.5, 0.5]", "[1.5, -0.5]", "transition[1][0][0] is 1.5, but a probability must be from 0 to 1"),
            ("[0.5, 0.5]", "[0.5]", "transition[1][0] has 1 entries, but it must have 2, one for a next state"),
            (
                "[[0.5, 0.5], [0, 1]]",
                "[[0.5, 0.5]]",
                "transition[1] has 1 entries, but it must have 2, one for an action",
            ),
            ("[2, 3]", "[2]", "reward[1] has 1 numbers, but the rows before have 2"),
            ("[2, 3]", "[2, Infinity]", "reward holds Infinity at line 1, but numbers must be finite"),
            ("[2, 3]", "[2, null]", "reward[1][1] is null, but a finite number was expected"),
            ("[1, 0],", "[1],", "start has 1 numbers, but reward has 2 states"),
            ("[1, 0], \"log", "[0.5, 0.4], \"log", "start sums to 0.9, but it must be 1"),
            ("[[0, 0], [0, 1]]}", "[[0, 0]]}", "logits is 1 x 2, but it must be 2 x 2, one per state and action"),
            ("\"gamma\"", "\"gama\"", "unknown key `gama`, did you mean `gamma`?"),
            ("\"gamma\": 0.9,", "", "`gamma` is missing"),
            ("{", "", "it is not JSON: "),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let text = File::parse(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(text.starts_with(expected), "{from} -> {to}: {text}");
        }
    }
}
