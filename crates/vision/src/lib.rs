//! Pure functions of frames: key-frame decoders and thumbnails.
