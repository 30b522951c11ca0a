/** Downloads of recorded ranges: with progress in the page, or by the browser itself where they are large. */
import { cameraUrl, fetchMedia, iso } from '$lib/api/client';

/** Above this the browser's own download manager takes over: it writes to disk as the bytes come. */
const LARGE = 400e6;

class Download {
	name = $state('');
	received = $state(0);
	total = $state(0);
	busy = $state(false);
	#work: AbortController | undefined;

	/** Fetches the range as MP4 and hands it to the browser under `name`. */
	async start(camera: string, from: number, to: number, name: string): Promise<void> {
		this.#work?.abort();
		const work = new AbortController();
		this.#work = work;
		Object.assign(this, { name, received: 0, total: 0, busy: true });
		const url = cameraUrl(camera, 'recording.mp4', { start: iso(from), end: iso(to) });
		try {
			const response = await fetchMedia(url, work.signal);
			this.total = Number(response.headers.get('content-length') ?? 0);
			if (this.total > LARGE) {
				work.abort();
				save(url, name);
				return;
			}
			saveBlob(await this.#collect(response), name);
		} catch (reason) {
			if (!work.signal.aborted) throw reason;
		} finally {
			if (this.#work === work) this.busy = false;
		}
	}

	cancel(): void {
		this.#work?.abort();
		this.busy = false;
	}

	async #collect(response: Response): Promise<Blob> {
		const parts: BlobPart[] = [];
		const reader = response.body?.getReader();
		for (let read = await reader?.read(); reader && read && !read.done; read = await reader.read()) {
			parts.push(read.value as BlobPart);
			this.received += read.value.byteLength;
		}
		return new Blob(parts, { type: 'video/mp4' });
	}
}

/** Lets the browser save what stands under `url`. */
export function save(url: string, name: string): void {
	const link = document.createElement('a');
	link.href = url;
	link.download = name;
	document.body.append(link);
	link.click();
	link.remove();
}

/** Lets the browser save bytes that the page holds. */
export function saveBlob(blob: Blob, name: string): void {
	const url = URL.createObjectURL(blob);
	save(url, name);
	setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export const download = new Download();

/** A name that any file system takes: letters, digits and dashes of the camera's name, then the wall time with its offset. */
export function fileName(camera: string, stamp: string, ending: string): string {
	const plain = camera
		.normalize('NFKD')
		.replace(/[^\p{L}\p{N}]+/gu, '-')
		.replace(/^-+|-+$/g, '')
		.toLowerCase();
	return `${plain || 'camera'}-${stamp}.${ending}`;
}
