/** Reads the archives that the privacy centre gives out: files that are stored as they are (PKWARE APPNOTE 6.3, 4.3 and 4.5.3). */

/** The files of an archive by their paths. */
export function unzip(zip: Buffer): Map<string, Buffer> {
	const files = new Map<string, Buffer>();
	const end = zip.lastIndexOf('PK\x05\x06', undefined, 'latin1');
	if (end < 0) throw new Error('not a ZIP file');
	let at = zip.readUInt32LE(end + 16);
	for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
		if (zip.readUInt32LE(at) !== 0x02014b50) throw new Error('the directory of the ZIP file is broken');
		if (zip.readUInt16LE(at + 10) !== 0) throw new Error('a compressed file');
		const [name, extra, comment] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset)) as [number, number, number];
		const path = zip.toString('utf8', at + 46, at + 46 + name);
		const [size, start] = place(zip, at, at + 46 + name, extra);
		const begin = start + 30 + zip.readUInt16LE(start + 26) + zip.readUInt16LE(start + 28);
		files.set(path, zip.subarray(begin, begin + size));
		at += 46 + name + extra + comment;
	}
	return files;
}

/** Size and place of a file: in its entry, or in the 64-bit field behind it. */
function place(zip: Buffer, entry: number, extra: number, length: number): [number, number] {
	const short = [24, 20, 42].map((offset) => zip.readUInt32LE(entry + offset)) as [number, number, number];
	for (let at = extra; at < extra + length; at += 4 + zip.readUInt16LE(at + 2)) {
		if (zip.readUInt16LE(at) !== 1) continue;
		let field = at + 4;
		for (const [index, value] of short.entries()) {
			if (value !== 0xffffffff) continue;
			short[index] = Number(zip.readBigUInt64LE(field));
			field += 8;
		}
	}
	return [short[0], short[2]];
}
