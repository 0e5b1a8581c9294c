//! What is answered for a file: head and body, by what a client asked for (RFC 9110 §8, §13, §14).

use smallvec::SmallVec;

use super::disk;
use super::find::{File, Role};
use super::pieces::{Pieces, Stretch};
use crate::config::Cache;
use crate::model::files::{Asked, Moment, Verdict};
use crate::proxy::message::date::{self, Date};
use crate::proxy::message::request_id::RequestId;

/// The answer for a file.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    fields: SmallVec<[(&'static str, Value); 8]>,
    /// Of the body, or of the one that GET would have; `None` where nothing is said of it.
    pub(crate) length: Option<u64>,
    pub(crate) pieces: Pieces,
}

#[derive(Debug)]
enum Value {
    Fixed(&'static str),
    Text(String),
    Date(Date),
}

/// What an answer depends on beside the file.
#[derive(Debug)]
pub(crate) struct Terms<'t, 'h> {
    pub(crate) asked: &'t Asked<'h>,
    /// GET, and not HEAD.
    pub(crate) is_get: bool,
    /// When the folder took the place of another, if it did.
    pub(crate) since: Option<Moment>,
    /// Whether nobody else says what caches may do.
    pub(crate) is_cached_by_name: bool,
    /// Tells apart the parts of this answer from what is in them.
    pub(crate) id: RequestId,
}

impl Response {
    /// The answer for a file that was found.
    pub(crate) fn of(file: File, terms: &Terms<'_, '_>) -> Self {
        let (version, now) = (file.opened.version, disk::clock());
        let mut response = Self {
            status: 200,
            fields: SmallVec::new(),
            length: Some(version.size),
            pieces: Pieces::default(),
        };
        if file.role == Role::NotFound {
            response.status = 404;
            response.describe(&file);
            response.begin(file, std::iter::once(Stretch::File(0..version.size)), terms);
            return response;
        }
        let tag = version.tag(now);
        match terms.asked.verdict(terms.is_get, &version, &tag, terms.since) {
            Verdict::Whole => {
                response.describe(&file);
                response.validate(&file, (tag, now), terms);
                response.begin(file, std::iter::once(Stretch::File(0..version.size)), terms);
            }
            Verdict::NotModified => {
                response.status = 304;
                response.length = None;
                response.validate(&file, (tag, now), terms);
            }
            Verdict::Failed => {
                response.status = 412;
                response.length = Some(0);
            }
            Verdict::Unsatisfiable => {
                response.status = 416;
                response.length = Some(0);
                response.say("content-range", Value::Text(format!("bytes */{}", version.size)));
            }
            Verdict::Parts(parts) if parts.len() == 1 => {
                let part = parts[0].clone();
                response.status = 206;
                response.length = Some(part.end - part.start);
                response.describe(&file);
                let range = format!("bytes {}-{}/{}", part.start, part.end - 1, version.size);
                response.say("content-range", Value::Text(range));
                response.validate(&file, (tag, now), terms);
                response.begin(file, std::iter::once(Stretch::File(part)), terms);
            }
            Verdict::Parts(parts) => {
                let boundary = terms.id.text();
                let boundary = str::from_utf8(&boundary).unwrap_or_default();
                let mut stretches = Vec::new();
                let mut between = "";
                for part in parts {
                    let head = format!(
                        "{between}--{boundary}\r\ncontent-type: {}\r\ncontent-range: bytes {}-{}/{}\r\n\r\n",
                        file.kind.content_type,
                        part.start,
                        part.end - 1,
                        version.size
                    );
                    stretches.extend([Stretch::Own(head.into_bytes()), Stretch::File(part)]);
                    between = "\r\n";
                }
                stretches.push(Stretch::Own(format!("\r\n--{boundary}--\r\n").into_bytes()));
                response.status = 206;
                response.length = Some(stretches.iter().map(Stretch::length).sum());
                let kind = format!("multipart/byteranges; boundary={boundary}");
                response.say("content-type", Value::Text(kind));
                response.say_variant(&file);
                response.validate(&file, (tag, now), terms);
                response.begin(file, stretches.into_iter(), terms);
            }
        }
        response
    }

    /// Every field but those that frame the body.
    pub(crate) fn for_each_field(&self, mut field: impl FnMut(&'static str, &[u8])) {
        for (name, value) in &self.fields {
            field(
                name,
                match value {
                    Value::Fixed(value) => value.as_bytes(),
                    Value::Text(value) => value.as_bytes(),
                    Value::Date(value) => value,
                },
            );
        }
    }

    /// What the body is.
    fn describe(&mut self, file: &File) {
        self.say("content-type", Value::Fixed(file.kind.content_type));
        self.say_variant(file);
    }

    /// Which of the file's codings it is, and that there may be others.
    fn say_variant(&mut self, file: &File) {
        if let Some(encoding) = file.encoding {
            self.say("content-encoding", Value::Fixed(encoding.name()));
        }
        self.say_vary(file);
    }

    fn say_vary(&mut self, file: &File) {
        if file.kind.shrinks {
            self.say("vary", Value::Fixed("Accept-Encoding"));
        }
    }

    /// How it is told from other versions, and what caches may do with it (RFC 9110 §15.4.5).
    fn validate(&mut self, file: &File, (tag, now): (String, Moment), terms: &Terms<'_, '_>) {
        self.say("etag", Value::Text(tag));
        if let Some(second) = file.opened.version.last_modified(now) {
            self.say("last-modified", Value::Date(date::words(second)));
        }
        if self.status != 304 {
            self.say("accept-ranges", Value::Fixed("bytes"));
        } else {
            self.say_vary(file);
        }
        if file.is_hashed && terms.is_cached_by_name {
            self.say("cache-control", Value::Text(Cache::Immutable.value()));
        }
    }

    fn begin(&mut self, file: File, stretches: impl DoubleEndedIterator<Item = Stretch>, terms: &Terms<'_, '_>) {
        if terms.is_get {
            self.pieces = Pieces::of(file.opened, stretches.filter(|stretch| stretch.length() > 0));
        }
    }

    fn say(&mut self, name: &'static str, value: Value) {
        self.fields.push((name, value));
    }
}

impl Stretch {
    fn length(&self) -> u64 {
        match self {
            Self::File(range) => range.end - range.start,
            Self::Own(bytes) => bytes.len() as u64,
        }
    }
}
