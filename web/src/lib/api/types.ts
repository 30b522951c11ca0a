/** Shapes of the HTTP API (docs/reference/openapi.json). Instants are RFC 3339 texts in UTC. */
export type Role = 'owner' | 'viewer';
export type CameraState = 'recording' | 'connecting' | 'offline' | 'off';
export type Mode = 'continuous' | 'off';

export interface Session {
	account: { id: string | null; name: string | null; login: string | null; role: Role; scopes: string[] };
	household: { id: string; zone: string };
	demo: boolean;
	recovery_copy_saved: boolean;
}

export interface Stream {
	name: string;
	codec: string | null;
	width: number | null;
	height: number | null;
	fps: number | null;
	audio: string | null;
}

export type Area = 'own_home' | 'shared' | 'public_view';

export interface Camera {
	id: string;
	name: string;
	state: CameraState;
	cause: string | null;
	since: string | null;
	host: string;
	streams: Stream[];
	recorded_until: string | null;
	mode: Mode;
	purpose: string | null;
	area: Area;
	retention_days: number;
	max_bytes: number;
	transport: 'tcp' | 'udp';
	audio: boolean;
	created: string;
	address?: { url: string; sub_url: string | null; username: string | null; has_password: boolean };
}

export interface CameraInput {
	name?: string;
	url?: string;
	sub_url?: string | null;
	username?: string | null;
	password?: string | null;
	transport?: 'tcp' | 'udp';
	audio?: boolean;
	mode?: Mode;
	purpose?: string | null;
	area?: Area;
	retention_days?: number;
	max_bytes?: number;
}

export interface Found {
	server: string | null;
	streams: FoundStream[];
}

export interface FoundStream {
	name: string;
	codec: string;
	width: number;
	height: number;
	fps: number | null;
	audio: string | null;
	skipped: string[];
}

export interface Timeline {
	camera: string;
	start: string;
	end: string;
	spans: { start: string; end: string; stream: string; bytes: number }[];
	gaps: { start: string; end: string | null; cause: string }[];
	live_edge: string | null;
}

export interface Health {
	state: string;
	since: string | null;
	cause: string | null;
	streams: {
		name: string;
		last_key_frame: string | null;
		reconnects: number;
		lost: number;
		kbit_s: number | null;
		fps: number | null;
		history: { at: string; kbit_s: number; fps: number }[];
	}[];
}

export interface Storage {
	disk: { used_bytes: number; free_bytes: number; capacity_bytes: number; max_bytes: number };
	full: boolean;
	cameras: { camera: string; bytes: number; oldest: string; bytes_per_day: number }[];
	history: { at: string; bytes: number }[];
	bytes_per_day: number;
	full_at: string | null;
	recovery_copy_saved: boolean;
}

export interface View {
	id: string;
	at: string;
	until: string;
	who: string | null;
	label: string;
	camera: string | null;
	camera_name: string | null;
	action: string;
	allowed: boolean;
	start: string | null;
	end: string | null;
}

export interface Person {
	id: string;
	name: string;
	login: string;
	role: Role;
	created: string;
	last_seen: string | null;
	can_sign_in: boolean;
}

export interface NewLink {
	id: string;
	link: string;
	expires: string;
}

export interface Link {
	role: Role;
	login: string | null;
	expires: string;
}

export interface OpenSession {
	id: string;
	agent: string;
	created: string;
	last_seen: string;
	expires: string;
	current: boolean;
}

export interface Token {
	id: string;
	name: string | null;
	label: string;
	scopes: string[];
	created: string;
	expires: string;
	last_used: string | null;
}

export interface MadeToken {
	id: string;
	token: string;
	expires: string;
}

export interface List<T> {
	items: T[];
	next: string | null;
}
