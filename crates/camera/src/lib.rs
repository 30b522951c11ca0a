//! How we talk to cameras: RTSP over TCP and UDP, probing, the read loop.
