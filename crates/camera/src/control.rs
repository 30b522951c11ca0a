//! The RTSP connection of a session: what we say on it never waits, and it says TEARDOWN whatever ends it.

use crate::{
    Error,
    dialog::Dialog,
    message::{Message, Response, write_reply},
};
use std::{
    io::{self, ErrorKind, Write},
    net::{Shutdown, SocketAddr, TcpStream},
};

/// A camera that reads slower than this gets no more keep-alives or reports until it has caught up.
const OUTBOX: usize = 4096;

pub(crate) struct Control {
    pub dialog: Dialog,
    pub peer: SocketAddr,
    socket: TcpStream,
    /// Bytes that the socket would not take yet.
    outbox: Vec<u8>,
    /// What we wait for an answer to.
    pending: Option<Pending>,
    /// The camera refused our authorization for keep-alives: to repeat it might lock us out.
    silent: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pending {
    KeepAlive { cseq: u32 },
    Teardown { cseq: u32 },
}

/// What a message of the camera means for the session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Nothing,
    /// The camera has taken our farewell.
    Farewell,
    /// The camera ended the session.
    End,
    Garbage,
}

impl Control {
    /// Takes over a connected socket and makes it non-blocking.
    pub fn new(socket: TcpStream, dialog: Dialog) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        Ok(Self { dialog, peer: socket.peer_addr()?, socket, outbox: Vec::new(), pending: None, silent: false })
    }

    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Sends a keep-alive, unless the last ones are still on their way.
    pub fn keep_alive(&mut self) -> io::Result<()> {
        if self.silent || self.outbox.len() > OUTBOX {
            return Ok(());
        }
        self.dialog.keep_alive(&mut self.outbox);
        self.pending = Some(Pending::KeepAlive { cseq: self.dialog.cseq() });
        self.flush()
    }

    /// Sends an interleaved frame (RFC 2326, 10.12), unless earlier ones are still on their way.
    pub fn frame(&mut self, channel: u8, payload: &[u8]) -> io::Result<()> {
        let Ok(len) = u16::try_from(payload.len()) else { return Ok(()) };
        if self.outbox.len() > OUTBOX {
            return Ok(());
        }
        self.outbox.extend_from_slice(&[b'$', channel]);
        self.outbox.extend_from_slice(&len.to_be_bytes());
        self.outbox.extend_from_slice(payload);
        self.flush()
    }

    /// Sends the farewell; false if there is no session that it could end.
    pub fn teardown(&mut self) -> bool {
        let any = self.dialog.teardown(&mut self.outbox);
        if any {
            self.pending = Some(Pending::Teardown { cseq: self.dialog.cseq() });
        }
        any && self.flush().is_ok()
    }

    /// Takes a message of the camera.
    pub fn hear(&mut self, text: &[u8]) -> Heard {
        match Message::parse(text) {
            Ok(Message::Response(response)) => self.answered(&response),
            Ok(Message::Request { method, headers }) => {
                if self.outbox.len() <= OUTBOX {
                    write_reply(&mut self.outbox, &method, headers.cseq().unwrap_or(0));
                }
                if matches!(method.as_str(), "TEARDOWN" | "REDIRECT") { Heard::End } else { Heard::Nothing }
            }
            Err(_) => Heard::Garbage,
        }
    }

    fn answered(&mut self, response: &Response) -> Heard {
        let cseq = match self.pending {
            Some(Pending::Teardown { cseq } | Pending::KeepAlive { cseq }) => cseq,
            None => return Heard::Nothing,
        };
        if response.headers.cseq().is_some_and(|theirs| theirs != cseq) {
            return Heard::Nothing;
        }
        match self.pending.take() {
            Some(Pending::KeepAlive { .. }) => self.kept_alive(response),
            _ => Heard::Farewell,
        }
    }

    fn kept_alive(&mut self, response: &Response) -> Heard {
        match response.status {
            401 if self.dialog.auth.challenged(&response.headers).is_ok() => self.repeat(),
            401 => self.silent = true,
            405 | 501 if self.dialog.get_parameter => {
                self.dialog.get_parameter = false;
                self.repeat();
            }
            454 => return Heard::End,
            _ => self.dialog.auth.accepted(&response.headers),
        }
        Heard::Nothing
    }

    fn repeat(&mut self) {
        self.dialog.keep_alive(&mut self.outbox);
        self.pending = Some(Pending::KeepAlive { cseq: self.dialog.cseq() });
    }

    /// Writes what the socket takes now.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.outbox.is_empty() {
            match self.socket.write(&self.outbox) {
                Ok(written) => drop(self.outbox.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// An error of the protocol at `step`, with the number of our latest request.
    pub fn broken(&self, step: &'static str, what: &'static str) -> Error {
        Error::protocol(step, self.dialog.cseq(), what)
    }
}

/// The last resort, for a session that is dropped on the way: the farewell leaves if the socket takes it at once.
impl Drop for Control {
    fn drop(&mut self) {
        self.teardown();
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}
