//! Recording, index, gaps, retention, live and playback.
