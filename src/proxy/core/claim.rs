//! A request's hold on an activation, from before it is sent to its last byte (N1).

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

use super::service::CoreService;
use crate::http1::head::Method;
use crate::proxy::stock::wakers::Ticket;
use crate::telemetry::CoreCounters;

/// One exchange's hold on an activation, until its last byte (N1).
pub(crate) struct Claim {
    pub(crate) service: Rc<CoreService>,
    is_stream: Cell<bool>,
    is_web_socket: Cell<bool>,
    writes: bool,
    /// Where it is woken when patience changes.
    ticket: RefCell<Ticket>,
}

impl Claim {
    /// Enters the activation, unless its gate is closed; then a newer view exists. What a request with an unsafe method does is counted
    /// apart, for a pause of writes (N35).
    pub(crate) fn of(service: &Rc<CoreService>, method: Method) -> Option<Self> {
        if !service.activation.gate().try_claim(service.core) {
            return None;
        }
        if service.config.sleeps {
            service.counters().active();
        }
        let writes = !method.is_safe();
        if writes {
            service.counters().write_began();
        }
        Some(Self {
            service: service.clone(),
            is_stream: Cell::new(false),
            is_web_socket: Cell::new(false),
            writes,
            ticket: RefCell::default(),
        })
    }

    pub(crate) fn counters(&self) -> &CoreCounters {
        self.service.counters()
    }

    /// From the response head on the exchange counts as a stream.
    pub(crate) fn become_stream(&self) {
        if !self.is_stream.replace(true) {
            self.counters().stream_began();
        }
    }

    /// From the 101 on it counts as a WebSocket too.
    pub(crate) fn become_web_socket(&self) {
        self.become_stream();
        if !self.is_web_socket.replace(true) {
            self.counters().web_socket_began();
        }
    }

    /// Asks to be woken when patience changes.
    pub(crate) fn wake_when_impatient(&self, waker: &Waker) {
        let mut streams = self.service.streams.borrow_mut();
        streams.register(&mut self.ticket.borrow_mut(), waker);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.service.streams.borrow_mut().forget(self.ticket.get_mut());
        if self.is_stream.get() {
            self.counters().stream_over();
        }
        if self.is_web_socket.get() {
            self.counters().web_socket_over();
        }
        if self.writes {
            self.counters().write_over();
        }
        self.service.activation.release(self.service.core);
    }
}
