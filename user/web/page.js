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

	/* What is being filled in is not to be taken away. */
	if (document.querySelector("form.edit"))
		return true;
	return (selection && !selection.isCollapsed) || (active && active.tagName === "INPUT");
}

/* What the reader unfolded stays so. */
function keepOpen(from, to) {
	const open = new Set();

	for (const fold of to.querySelectorAll("details[open]"))
		open.add(fold.dataset.service);
	for (const fold of from.querySelectorAll("details"))
		fold.open = open.has(fold.dataset.service);
}

/* Of a link, a button or a fold: the same on the next page. */
function nameOf(element) {
	const form = element.closest("form"), fold = element.closest("details");

	return [element.tagName, element.getAttribute("href"),
		form && new URLSearchParams(new FormData(form)), fold && fold.dataset.service].join(" ");
}

function namedAs(within, name) {
	return [...within.querySelectorAll("a, button, summary")].filter(e => nameOf(e) === name);
}

/* Whoever goes through the page by its keyboard stays where they are. */
function replace(to, from) {
	const active = document.activeElement;
	const name = to.contains(active) ? nameOf(active) : null;
	const place = name === null ? -1 : namedAs(to, name).indexOf(active);

	to.replaceChildren(...document.adoptNode(from).childNodes);
	if (place >= 0)
		namedAs(to, name).slice(0, place + 1).pop()?.focus({ preventScroll: true });
}

function show(html) {
	const fresh = new DOMParser().parseFromString(html, "text/html");

	document.title = fresh.title;
	for (const part of parts) {
		const from = fresh.querySelector(part);
		const to = document.querySelector(part);

		if (!from || !to)
			continue;
		keepOpen(from, to);
		if (from.innerHTML !== to.innerHTML)
			replace(to, from);
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
			const html = await answer.text();

			offline(false);
			/* It may have taken a while. */
			if (!reading()) {
				show(html);
				shownAt = new Date();
			}
		} catch {
			offline(true);
		}
	}
	setTimeout(refresh, EVERY_MS);
}

setTimeout(refresh, EVERY_MS);
