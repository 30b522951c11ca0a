//! MP4 boxes.
