//! Simulated cameras that speak RTSP, with scenes, a readable clock and faults.
