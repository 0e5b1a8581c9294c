//! A request that a folder answers: what it asks for is looked up there, in place of the way to an app.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

use super::client::Client;
use super::ending::Ending;
use super::exchange::Exchange;
use super::stale;
use crate::http1::head::Method;
use crate::model::files::{Asked, FilePath, Missing};
use crate::model::slot::Generation;
use crate::proxy::files::find::{File, Found, Role, Wanted};
use crate::proxy::files::folder::{Folder, Looked};
use crate::proxy::files::response::{Response, Terms};
use crate::proxy::message::answer::Answer;
use crate::proxy::message::built;
use crate::proxy::message::connection_error::is_ours;
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::folder_error;
use crate::proxy::message::request::path_of;
use crate::proxy::route::activation::Patience;
use crate::proxy::stock::clock;
use crate::proxy::stock::deadline::Deadline;

impl Exchange {
    /// Looks for what is asked for in the folder that serves. The answer is in the exchange then.
    ///
    /// # Errors
    /// What the client is to be told instead.
    pub(crate) async fn look_up(
        &mut self,
        folder: &Folder,
        client: &mut impl Client,
        deadline: &mut Deadline,
    ) -> Result<(), Ending> {
        self.record.instance = Some(0);
        if !matches!(self.method, Method::Get | Method::Head) {
            return Err(ProxyError::ReadOnly.into());
        }
        let service = self.service.clone();
        let missing = match &service.config.missing {
            // The side before may have it, and who has asked for a file of it wants no page.
            Missing::Fallback(_) if stale::may_have(self) => &Missing::Nothing,
            missing => missing,
        };
        let looked = self.find(folder, missing, client, deadline).await?;
        self.tell_of_folder(folder, &looked);
        match looked.map_err(ProxyError::FolderAway)? {
            Found::File(file) if !(file.role == Role::Page && self.lacks_slash()) => self.answer_with(folder, file),
            Found::File(_) | Found::Folder => return Err(self.with_slash()),
            Found::Nothing => return Err(ProxyError::NoFile.into()),
        }
        Ok(())
    }

    /// Looks for what is asked for in a folder, on this thread where that need not wait.
    ///
    /// # Errors
    /// Why nothing can be said of it.
    pub(super) async fn find(
        &self,
        folder: &Folder,
        missing: &Missing,
        client: &mut impl Client,
        deadline: &mut Deadline,
    ) -> Result<Looked, ProxyError> {
        if let Some(looked) = self.find_now(folder, missing) {
            return Ok(looked);
        }
        let looking = self.wanted(missing, |wanted| folder.find(wanted));
        let looking = looking.map_err(|_| ProxyError::FolderBusy)?;
        Box::pin(self.wait_for(looking, client, deadline)).await
    }

    /// As [`Exchange::find`], on this thread alone; `None` when that would have to wait.
    pub(super) fn find_now(&self, folder: &Folder, missing: &Missing) -> Option<Looked> {
        self.wanted(missing, |wanted| folder.find_now(wanted))
    }

    /// To find it has taken too long.
    pub(super) fn stalls(&self, folder: &Folder, missing: &Missing) {
        self.wanted(missing, |wanted| folder.stalls(wanted));
    }

    /// What is looked for.
    fn wanted<T>(&self, missing: &Missing, look: impl FnOnce(&Wanted<'_>) -> T) -> T {
        let path = FilePath::of(path_of(built::target(&self.sending.out.bytes)));
        let encodings = self.asked().encodings();
        look(&Wanted {
            path: path.as_ref(),
            encodings: &encodings,
            missing,
        })
    }

    /// Answers with a file of a folder, as far as the client does not have it.
    pub(super) fn answer_with(&mut self, folder: &Folder, file: File) {
        let response = self.response(folder, file);
        self.record.head_came(response.status);
        self.file = Some(Box::new(response));
    }

    fn response(&self, folder: &Folder, file: File) -> Response {
        let activation = &self.service.activation;
        let terms = Terms {
            asked: &self.asked(),
            is_get: self.method == Method::Get,
            since: folder.since().filter(|_| activation.generation > Generation(1)),
            is_cached_by_name: self.policy().cache.is_none(),
            id: self.record.id,
        };
        Response::of(file, &terms)
    }

    /// The fields that decide what of a file is sent.
    pub(super) fn asked(&self) -> Asked<'_> {
        let mut asked = Asked::default();
        built::fields(&self.sending.out.bytes).for_each(|(name, value)| asked.note(name, value));
        asked
    }

    /// Waits for a thread of the folder, for as long as an app may think.
    async fn wait_for(
        &self,
        mut looking: oneshot::Receiver<Looked>,
        client: &mut impl Client,
        deadline: &mut Deadline,
    ) -> Result<Looked, ProxyError> {
        let (began, patience) = (clock::now(), self.policy().timeout.response);
        let every = self.times().look_after_client;
        let next = |waited| patience.saturating_sub(waited).clamp(Duration::from_millis(1), every);
        deadline.set(next(Duration::ZERO));
        poll_fn(|cx| {
            match Pin::new(&mut looking).poll(cx) {
                Poll::Ready(Ok(looked)) => return Poll::Ready(Ok(looked)),
                // The side was replaced, and the folder given up.
                Poll::Ready(Err(_)) => return Poll::Ready(Err(ProxyError::DrainedAway)),
                Poll::Pending => {}
            }
            while deadline.poll_passed(cx) {
                let waited = began.elapsed();
                if client.is_gone() {
                    return Poll::Ready(Err(ProxyError::ClientGone));
                }
                if waited >= patience {
                    return Poll::Ready(Err(ProxyError::AppTimedOut));
                }
                deadline.set(next(waited));
            }
            self.poll_given_up(cx).map(Err)
        })
        .await
    }

    /// `Ready` when the side that was claimed has no more time for requests without an answer.
    fn poll_given_up(&self, cx: &Context<'_>) -> Poll<ProxyError> {
        match self.service.activation.patience() {
            Patience::Open | Patience::Polite => {
                if let Some(claim) = &self.claim {
                    claim.wake_when_impatient(cx.waker());
                }
                Poll::Pending
            }
            Patience::NoRequests | Patience::EndStreams | Patience::Cut => {
                self.counters().exchange_cut();
                Poll::Ready(ProxyError::DrainedAway)
            }
        }
    }

    /// Tells the log when the folder cannot be served, and when it can again.
    fn tell_of_folder(&self, folder: &Folder, looked: &Looked) {
        let service = &self.service;
        if service.preview.is_some() {
            // Who looks at the preview is told.
            return;
        }
        let tried = match looked {
            Ok(_) => Ok(()),
            // That says nothing of the folder.
            Err(error) if is_ours(error) || self.record.is_inside() => return,
            Err(error) => Err(folder_error::words(error)),
        };
        if tried.is_err() {
            service.queue.refused_at_once();
        }
        if (tried.is_ok() || self.record.core().expects(service)) && folder.is_news(tried.is_err()) {
            service.queue.tried(&service.activation.addresses[0], tried);
        }
    }

    /// Whether the page of a folder would be sent under a name without a slash at its end, from which its links lead elsewhere: the
    /// client's path may be another than the folder's.
    fn lacks_slash(&self) -> bool {
        !self.record.asked.path().ends_with(b"/")
    }

    /// The way to the same path with a slash at its end.
    fn with_slash(&self) -> Ending {
        let asked = &self.record.asked;
        let (path, query) = asked.target().split_at(asked.path().len());
        // Browsers would take the first segment for a host.
        if path.ends_with(b"/") || path.starts_with(b"//") || path.starts_with(b"/\\") {
            return ProxyError::NoFile.into();
        }
        Ending::Answer(Answer::redirect(&[path, b"/", query].concat()))
    }
}
