// Everything is drawn in the browser: the binary serves the same page for every address.
export const ssr = false;
export const prerender = false;
