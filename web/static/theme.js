// Sets the theme before the first paint; kept apart because the page allows no inline script.
(function () {
	var wanted = null;
	try {
		wanted = localStorage.getItem('nightjar.theme');
	} catch (e) {
		/* storage is switched off: dark */
	}
	var light = wanted === 'light' || (wanted === 'system' && matchMedia('(prefers-color-scheme: light)').matches);
	document.documentElement.dataset.theme = light ? 'light' : 'dark';
})();
