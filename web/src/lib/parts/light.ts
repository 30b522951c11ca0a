/** The recording light follows what was written, not what is configured. */
import type { Camera, CameraState } from '$lib/api/types';

/** `silent`: the camera should be recorded, but nothing was written for a while. */
export type Light = CameraState | 'silent';

/** A fragment closes after 4 s at most and is listed at once: half a minute without one is not recording. */
export const SILENT_AFTER = 30_000;

export function lightOf(camera: Pick<Camera, 'state' | 'recorded_until'>, now: number): Light {
	if (camera.state !== 'recording') return camera.state;
	const written = camera.recorded_until ? Date.parse(camera.recorded_until) : undefined;
	if (written === undefined) return 'connecting';
	return now - written > SILENT_AFTER ? 'silent' : 'recording';
}
