//! What clients of HTTP/2 get that hardly any proxy gives them: interim answers, trailers both ways, WebSockets on a stream, and answers in
//! the order in which they want them.

mod answers;
mod drained;
mod records;
mod schedules;
mod turns;
mod web_sockets;
