/*
 * redraw.c - a text shown again and again in the same place of a terminal.
 */
#include "cmd/redraw.h"

#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include "base/escape.h"

#define EVERY_S 2

/* The bytes of the line's first `columns` characters. */
static size_t cut(const char *line, size_t len, size_t columns)
{
	size_t at = 0;

	while (at < len && columns--) {
		size_t n = utf8_decode(line + at, len - at, NULL);

		at += n ? n : 1;
	}
	return at;
}

void redraw_frame(struct strbuf *out, const char *text, size_t columns, size_t rows)
{
	strbuf_adds(out, "\033[H");
	for (size_t row = 0; *text && row < rows; row++) {
		size_t len = strcspn(text, "\n");

		/* A new line after the last row would move all of them up. */
		strbuf_adds(out, row ? "\r\n" : "");
		strbuf_add(out, text, cut(text, len, columns));
		strbuf_adds(out, "\033[K");
		text += len + (text[len] == '\n');
	}
	strbuf_adds(out, "\033[J");
}

static void show(const struct strbuf *text)
{
	struct strbuf frame = STRBUF_INIT;
	struct winsize size = { 0 };

	if (!isatty(STDOUT_FILENO)) {
		fwrite(text->s, 1, text->len, stdout);
		fputs("\n", stdout);
	} else {
		/* Some consoles do not know how large they are. */
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row)
			size = (struct winsize){ .ws_col = 80, .ws_row = 24 };
		redraw_frame(&frame, text->s, size.ws_col, size.ws_row);
		fwrite(frame.s, 1, frame.len, stdout);
	}
	fflush(stdout);
	strbuf_release(&frame);
}

int redraw(bool (*make)(struct strbuf *out, void *userdata), void *userdata)
{
	const struct timespec pause = { .tv_sec = EVERY_S };
	struct strbuf text = STRBUF_INIT;
	bool more = true;

	while (more) {
		strbuf_reset(&text);
		more = make(&text, userdata);
		if (text.err)
			break;
		show(&text);
		/* Whoever reads it has gone. */
		if (ferror(stdout))
			break;
		if (more)
			ppoll(NULL, 0, &pause, NULL);
	}
	strbuf_release(&text);
	return text.err;
}
