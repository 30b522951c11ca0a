/** The speeds of playback. */
export const SPEEDS = [0.5, 1, 2, 4, 8, 16];
