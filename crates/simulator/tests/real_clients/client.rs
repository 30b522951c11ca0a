//! An RTSP client of a few lines that hides nothing: what was answered, and each packet that came.

use media::interleaved::{Frame, Splitter};
use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// An RTP or RTCP packet on its channel.
pub struct Packet {
    pub channel: u8,
    pub bytes: Vec<u8>,
}

impl Packet {
    pub fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }

    pub fn timestamp(&self) -> u32 {
        u32::from_be_bytes(self.bytes[4..8].try_into().unwrap())
    }

    pub fn marker(&self) -> bool {
        self.bytes[1] & 0x80 != 0
    }

    pub fn payload(&self) -> &[u8] {
        &self.bytes[12..]
    }
}

pub struct Client {
    socket: TcpStream,
    splitter: Splitter,
    answers: VecDeque<String>,
    packets: VecDeque<Packet>,
    pub url: String,
    session: String,
    cseq: u32,
}

impl Client {
    pub fn connect(address: SocketAddr, path: &str) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let url = format!("rtsp://{address}/{path}");
        let (answers, packets) = (VecDeque::new(), VecDeque::new());
        Self { socket, splitter: Splitter::new(), answers, packets, url, session: String::new(), cseq: 0 }
    }

    /// A client that plays both tracks of the path.
    pub fn play(address: SocketAddr, path: &str) -> Self {
        let mut client = Self::connect(address, path);
        client.set_up();
        assert!(client.request("PLAY", "", "").unwrap().contains(" 200 "));
        client
    }

    pub fn set_up(&mut self) {
        assert!(self.request("DESCRIBE", "", "Accept: application/sdp\r\n").unwrap().contains(" 200 "));
        for (track, channels) in [("/track1", "0-1"), ("/track2", "2-3")] {
            let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={channels}\r\n");
            let answer = self.request("SETUP", track, &transport).unwrap();
            assert!(answer.contains(&format!("interleaved={channels}")), "{answer}");
            let session = answer.lines().find_map(|line| line.strip_prefix("Session: ")).unwrap();
            self.session = session.split(';').next().unwrap().to_owned();
        }
    }

    /// Sends a request and waits for its answer, five seconds at most.
    pub fn request(&mut self, method: &str, suffix: &str, headers: &str) -> io::Result<String> {
        self.send(method, suffix, headers)?;
        self.answer(Duration::from_secs(5))
    }

    pub fn send(&mut self, method: &str, suffix: &str, headers: &str) -> io::Result<()> {
        self.cseq += 1;
        let session = if self.session.is_empty() { String::new() } else { format!("Session: {}\r\n", self.session) };
        let (url, cseq) = (&self.url, self.cseq);
        let request = format!("{method} {url}{suffix} RTSP/1.0\r\nCSeq: {cseq}\r\n{session}{headers}\r\n");
        self.socket.write_all(request.as_bytes())
    }

    pub fn answer(&mut self, at_most: Duration) -> io::Result<String> {
        let end = Instant::now() + at_most;
        loop {
            if let Some(answer) = self.answers.pop_front() {
                return Ok(answer);
            }
            if Instant::now() > end {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.read()?;
        }
    }

    /// The packets of that time.
    pub fn packets(&mut self, during: Duration) -> io::Result<Vec<Packet>> {
        let end = Instant::now() + during;
        while Instant::now() < end {
            self.read()?;
        }
        Ok(self.packets.drain(..).collect())
    }

    /// The RTP timestamps of the pictures of that time, in the order of their coming.
    pub fn picture_times(&mut self, during: Duration) -> Vec<u32> {
        let packets = self.packets(during).unwrap();
        packets.iter().filter(|packet| packet.channel == 0 && packet.marker()).map(Packet::timestamp).collect()
    }

    /// Bytes that were no frame and no message.
    pub fn garbage(&self) -> u64 {
        self.splitter.skipped()
    }

    /// Reads once; an error once the connection has ended.
    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 65_536];
        match self.socket.read(&mut buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => {
                let (answers, packets) = (&mut self.answers, &mut self.packets);
                self.splitter.feed(&buffer[..len], |frame| match frame {
                    Frame::Binary { channel, payload } => {
                        packets.push_back(Packet { channel, bytes: payload.to_vec() })
                    }
                    Frame::Text(text) => answers.push_back(String::from_utf8_lossy(text).into_owned()),
                });
                Ok(())
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
