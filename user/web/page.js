/*
 * Keeps the page up to date. The server writes the tables, escaped; this only asks for the page again
 * and takes over what changed, so that with and without JavaScript the same is seen.
 */
"use strict";

const EVERY_MS = 5000;
const parts = ["#summary", "main", "footer"];
let shownAt = new Date();

function reading() {
	const selection = document.getSelection();
	const active = document.activeElement;

	return (selection && !selection.isCollapsed) || (active && active.tagName === "INPUT");
}

function show(html) {
	const fresh = new DOMParser().parseFromString(html, "text/html");

	document.title = fresh.title;
	for (const part of parts) {
		const from = fresh.querySelector(part);
		const to = document.querySelector(part);

		if (from && to && from.innerHTML !== to.innerHTML)
			to.replaceChildren(...document.adoptNode(from).childNodes);
	}
}

function offline(is) {
	const note = document.querySelector("#offline");

	note.hidden = !is;
	note.querySelector("time").textContent = shownAt.toLocaleTimeString();
}

async function refresh() {
	if (!document.hidden && !reading()) {
		try {
			const answer = await fetch(location.href, {
				cache: "no-store",
				signal: AbortSignal.timeout(EVERY_MS),
			});

			if (!answer.ok)
				throw new Error(answer.status);
			show(await answer.text());
			shownAt = new Date();
			offline(false);
		} catch {
			offline(true);
		}
	}
	setTimeout(refresh, EVERY_MS);
}

setTimeout(refresh, EVERY_MS);
