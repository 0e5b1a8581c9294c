//! Files of versions that are gone (N23): what neither the live side nor the one before it has, and was kept. Read by threads that may wait for
//! a disk, a few at a time, within a bound of memory; whatever goes wrong there, the client gets the live 404.

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::exchange::Exchange;
use crate::model::kept_assets::KeptFile;
use crate::proxy::assets::Loan;
use crate::proxy::message::answer::Answer;
use crate::proxy::message::content::Content;

/// For a disk that does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A file in memory.
#[derive(Debug)]
struct Lent {
    bytes: Vec<u8>,
    _loan: Loan,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The answer to a request for a file that was kept; `None` where it was not, or cannot be read.
pub(super) async fn answer(exchange: &mut Exchange) -> Option<Answer> {
    let service = exchange.service.clone();
    let assets = service.assets.as_ref()?;
    let mut file = assets.kept(exchange.record.asked.path())?;
    let (status, content) = loop {
        let said = &file.said;
        if exchange
            .asked()
            .has(said.etag.as_deref(), said.last_modified.as_deref())
        {
            break (304, Content::default());
        }
        if let Some(bytes) = read(exchange, &file).await {
            break (200, Content::Bytes(bytes));
        }
        // It may be kept anew by now, in another file.
        let anew = assets.kept(exchange.record.asked.path());
        file = anew.filter(|anew| anew.file != file.file)?;
    };
    exchange.record.answered_by = Some("kept".into());
    Some(Answer::file(status, fields(&file), content))
}

async fn read(exchange: &Exchange, file: &KeptFile) -> Option<Bytes> {
    let assets = &exchange.record.core().shared.front.assets;
    let loan = assets.lend(file.size)?;
    let path = assets.folder(&exchange.service.config.environment).join(&file.file);
    let size = file.size;
    let read = spawn_blocking(move || {
        let bytes = fs::read(path).ok()?;
        // A file that was changed by somebody is none of ours.
        (bytes.len() as u64 == size).then(|| Bytes::from_owner(Lent { bytes, _loan: loan }))
    });
    timeout(PATIENCE, read).await.ok()?.ok()?
}

/// What the app had said of it.
fn fields(file: &KeptFile) -> Vec<(&'static str, String)> {
    let said = &file.said;
    let fields = [
        ("content-type", &said.content_type),
        ("etag", &said.etag),
        ("last-modified", &said.last_modified),
        ("cache-control", &said.cache_control),
    ];
    fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.clone()?)))
        .collect()
}
