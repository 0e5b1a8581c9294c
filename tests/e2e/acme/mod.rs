//! Certificates that take care of themselves, against a real ACME server: the real `proxyd`, Pebble with its own DNS, and a door
//! in front of Pebble that misbehaves on request.

mod crashing;
mod importing;
mod issuing;
mod leading_here;
mod reloading;
mod renewing;
mod unhappy;
