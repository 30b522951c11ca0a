/** Short notes that appear at the edge of the screen and go by themselves. */
class Notes {
	items = $state<{ id: number; text: string; bad: boolean }[]>([]);
	#count = 0;

	say(text: string, bad = false): void {
		const id = ++this.#count;
		this.items.push({ id, text, bad });
		setTimeout(() => (this.items = this.items.filter((note) => note.id !== id)), bad ? 8_000 : 4_000);
	}
}

export const notes = new Notes();
