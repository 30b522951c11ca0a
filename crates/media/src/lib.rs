//! Formats, without I/O: samples, parameter sets, RTP, fragments, virtual MP4, HLS.
