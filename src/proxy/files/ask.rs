//! What a folder answers the daemon itself: for a probe of what is not served yet.

use std::future::poll_fn;
use std::io;

use super::errands::Busy;
use super::find::{Found, Wanted};
use super::folder::Folder;
use super::response::{Response, Terms};
use crate::config::Service;
use crate::model::files::{Asked, FilePath};
use crate::proxy::message::heard::{Answer, BODY};
use crate::proxy::message::request::path_of;
use crate::proxy::message::request_id::RequestId;

impl Folder {
    /// Answers a GET as a client would be answered, by what the service says of folders. `target` is what its app would see of one. Takes as
    /// long as the disk does, and only a thread of the folder waits for that.
    ///
    /// # Errors
    /// As [`Folder::open`], and what the file system says of the file.
    pub async fn ask(&self, service: &Service, target: &str) -> io::Result<Answer> {
        let path = FilePath::of(path_of(target.as_bytes()));
        let wanted = Wanted {
            path: path.as_ref(),
            encodings: &[],
            missing: &service.missing,
        };
        let found = self
            .find(&wanted)
            .map_err(|Busy| io::Error::from(io::ErrorKind::ResourceBusy))?;
        let answer = |status, headers| Answer {
            status,
            headers,
            body: Vec::new(),
        };
        let file = match found.await.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()))? {
            Found::File(file) => file,
            Found::Folder => {
                let path = format!("{}/", String::from_utf8_lossy(path_of(target.as_bytes())));
                return Ok(answer(308, vec![("location".to_owned(), path.into_bytes())]));
            }
            Found::Nothing => return Ok(answer(404, Vec::new())),
        };
        let asked = Asked::default();
        let terms = Terms {
            asked: &asked,
            is_get: true,
            since: None,
            is_cached_by_name: false,
            id: RequestId::NONE,
        };
        let mut response = Response::of(file, &terms);
        let mut headers = Vec::new();
        response.for_each_field(|name, value| headers.push((name.to_owned(), value.to_vec())));
        let mut answer = answer(response.status, headers);
        while answer.body.len() < BODY {
            let piece = poll_fn(|cx| response.pieces.poll_next(cx, false)).await;
            match piece.map_err(|broken| io::Error::other(broken.words()))? {
                None => break,
                Some(piece) => {
                    let room = BODY - answer.body.len();
                    answer
                        .body
                        .extend_from_slice(&piece.filled()[..piece.filled().len().min(room)]);
                }
            }
        }
        Ok(answer)
    }
}
