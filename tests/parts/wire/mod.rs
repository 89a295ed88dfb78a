//! The switch layer against raw TCP peers: well-behaved, hostile, and recorded from a real FreeSWITCH.

mod calls;
mod hostile;
mod legs;
mod links;
mod log;
mod originates;
mod talks;
