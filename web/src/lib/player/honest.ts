/** A picture that stands still must not pass for live: how old the shown picture is, in words that the page can show. */
export type Freshness = 'live' | 'ageing' | 'stale';

/** Age in milliseconds from which the age is shown. */
export const AGEING = 2_000;
/** Age in milliseconds from which the picture is greyed and no longer called live. */
export const STALE = 10_000;

export function freshness(age: number): Freshness {
	if (age >= STALE) return 'stale';
	return age >= AGEING ? 'ageing' : 'live';
}
