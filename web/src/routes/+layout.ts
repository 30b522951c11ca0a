import { preferred, speak } from '$lib/messages';

// Everything is drawn in the browser: the binary serves the same page for every address.
export const ssr = false;
export const prerender = false;

export const load = () => speak(preferred());
