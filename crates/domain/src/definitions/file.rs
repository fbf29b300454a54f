//! One file: the header's keys and the body's keys in one map, read in one pass so that errors keep their lines.

use std::fmt;
use std::marker::PhantomData;

use jiff::civil::Date;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};

use super::{Definition, DefinitionError, Header};

/// Largest file, in bytes. Rules are checked against each other, so that time grows faster than their number.
const BYTES_MAX: usize = 256 << 10;

/// Reads `text`.
///
/// # Errors
/// When it is too large, not YAML, or not of this shape.
pub(super) fn read<T: for<'de> Deserialize<'de>>(
    file: &str,
    text: &str,
) -> Result<Definition<T>, DefinitionError> {
    if text.len() > BYTES_MAX {
        let what = format!(
            "the file is {} bytes long, at most {BYTES_MAX} are allowed",
            text.len()
        );
        return Err(DefinitionError::new(
            file,
            None,
            &what,
            "take out what no rule needs",
        ));
    }
    let read: Result<File<T>, _> = serde_saphyr::from_str(text);
    match read {
        Ok(File { header, body }) => {
            let hash = blake3::hash(text.as_bytes()).to_hex()[..16].to_owned();
            Ok(Definition { header, hash, body })
        }
        Err(error) => {
            let line = error
                .location()
                .and_then(|location| usize::try_from(location.line()).ok());
            let what = error.without_snippet().to_string().replace('\n', " ");
            // The line is told apart from the fault.
            let what = what
                .rsplit_once(" at line ")
                .map_or(what.as_str(), |(what, _)| what)
                .to_owned();
            let mend = "write the file as its schema says; `definitions/satori` has an example of each";
            Err(DefinitionError::new(
                file,
                line.filter(|line| *line > 0),
                &what,
                mend,
            ))
        }
    }
}

/// Header and body side by side. `serde(flatten)` would lose the lines and the refusal of unknown keys.
struct File<T> {
    header: Header,
    body: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for File<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FileVisitor(PhantomData))
    }
}

struct FileVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FileVisitor<T> {
    type Value = File<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map that begins with id, version, updated and source")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<File<T>, A::Error> {
        let mut header = PartialHeader::default();
        let body = T::deserialize(MapAccessDeserializer::new(BodyKeys {
            map,
            header: &mut header,
        }))?;
        let header = Header {
            id: header.id.ok_or_else(|| A::Error::missing_field("id"))?,
            version: header.version.ok_or_else(|| A::Error::missing_field("version"))?,
            updated: header.updated.ok_or_else(|| A::Error::missing_field("updated"))?,
            source: header.source.ok_or_else(|| A::Error::missing_field("source"))?,
        };
        Ok(File { header, body })
    }
}

#[derive(Default)]
struct PartialHeader {
    id: Option<String>,
    version: Option<u32>,
    updated: Option<Date>,
    source: Option<String>,
}

/// The map without the header's keys, which are put aside on the way.
struct BodyKeys<'a, A> {
    map: A,
    header: &'a mut PartialHeader,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for BodyKeys<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            match key.as_str() {
                "id" => self.header.id = Some(self.map.next_value()?),
                "version" => self.header.version = Some(self.map.next_value()?),
                "updated" => self.header.updated = Some(self.map.next_value()?),
                "source" => self.header.source = Some(self.map.next_value()?),
                _ => {
                    let key: StringDeserializer<A::Error> = key.into_deserializer();
                    return seed.deserialize(key).map(Some);
                }
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
