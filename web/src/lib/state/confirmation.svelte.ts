/**
 * What needs a fresh proof of who one is: the server refuses with a problem of type step-up, one dialog asks, and the call
 * is made again. Calls that wait at the same time share one question.
 */
class Confirmation {
	asking = $state(false);
	#answer: Promise<boolean> | undefined;
	#settle: ((confirmed: boolean) => void) | undefined;

	/** True once the person has confirmed; false if they would rather not. */
	ask(): Promise<boolean> {
		this.#answer ??= new Promise((settle) => {
			this.#settle = settle;
			this.asking = true;
		});
		return this.#answer;
	}

	settle(confirmed: boolean): void {
		this.asking = false;
		this.#settle?.(confirmed);
		this.#settle = this.#answer = undefined;
	}
}

export const confirmation = new Confirmation();
