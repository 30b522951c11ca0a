/** What the app tells about stored personal data: the sections of the page behind each "what is kept here" link. */
export const SECTIONS = ['footage', 'cameras', 'views', 'accounts', 'inbox', 'storage', 'device'] as const;
export type Section = (typeof SECTIONS)[number];
