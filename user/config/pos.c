/*
 * pos.c - from a byte of a text to its place in the file.
 *
 * The text and its YAML source are read side by side: where the source says the same in other
 * words (an escape, a folded line) both move on by what each needs. Every byte is compared, so a text
 * that is not what stands in the file any more (a variable was expanded) is noticed and its own
 * place is given.
 */
#include "config/config.h"

#include "base/escape.h"
#include "base/hex.h"

struct walk {
	const char *src, *end; /* the rest of the source */
	const char *text;      /* the rest of the text */
	char quote;	       /* '"', '\'', or 0 */
	size_t indent;	       /* of a block scalar's lines */
	bool block;
};

static bool is_break(char c)
{
	return c == '\n' || c == '\r';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The white space from p on, if an end of line is in it: its end. Else p. */
static const char *skip_fold(const char *p, const char *end)
{
	const char *at = p;
	bool broke = false;

	while (at < end && (is_blank(*at) || is_break(*at))) {
		broke = broke || is_break(*at);
		at++;
	}
	return broke ? at : p;
}

/* One end of line of a block scalar, with the empty lines after it and the next line's indentation. */
static const char *skip_block_break(const struct walk *w)
{
	const char *p = w->src, *line;

	while (p < w->end && is_break(*p)) {
		p++;
		line = p;
		while (p < w->end && *p == ' ' && (size_t)(p - line) < w->indent)
			p++;
	}
	return p;
}

/* What an escape in double quotes stands for: bytes of the source and of the text. */
static bool step_escape(struct walk *w)
{
	static const char two_bytes[] = "N_", three_bytes[] = "LP";
	size_t digits = 0, runes = 1;
	uint32_t rune = 0;
	char c = w->src + 1 < w->end ? w->src[1] : '\0';
	struct strbuf utf8 = STRBUF_INIT;

	if (is_break(c)) {
		w->src = skip_fold(w->src + 1, w->end);
		return true;
	}
	if (c == 'x' || c == 'u' || c == 'U') {
		digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
		if ((size_t)(w->end - w->src) < 2 + digits)
			return false;
		for (size_t i = 0; i < digits; i++)
			rune = rune * 16 + (uint32_t)hex_digit(w->src[2 + i]);
		utf8_encode(&utf8, rune);
		runes = utf8.len;
		strbuf_release(&utf8);
	} else if (c && strchr(two_bytes, c)) {
		runes = 2;
	} else if (c && strchr(three_bytes, c)) {
		runes = 3;
	}
	if (!runes || strnlen(w->text, runes) < runes)
		return false;
	w->src += 2 + digits;
	w->text += runes;
	return true;
}

/* Moves on by one byte of the text, or more where it cannot be less. False: source and text differ. */
static bool step(struct walk *w)
{
	const char *after = w->block ? skip_block_break(w) : skip_fold(w->src, w->end);

	if (after > w->src) {
		w->src = after;
		if (*w->text == ' ') {
			w->text++;
			return true;
		}
		if (*w->text != '\n')
			return false;
		while (*w->text == '\n')
			w->text++;
		return true;
	}
	if (w->src >= w->end)
		return false;
	if (w->quote == '"' && *w->src == '\\')
		return step_escape(w);
	if (w->quote == '\'' && *w->src == '\'' && w->src + 1 < w->end && w->src[1] == '\'')
		w->src++;
	if (*w->src != *w->text)
		return false;
	w->src++;
	w->text++;
	return true;
}

/* To the first line with content of a block scalar; its indentation is what the text has not. */
static bool enter_block(struct walk *w)
{
	size_t own, spaces;
	const char *p;

	while (*w->text == '\n')
		w->text++;
	own = strspn(w->text, " ");
	while (w->src < w->end && !is_break(*w->src))
		w->src++;
	for (;;) {
		while (w->src < w->end && is_break(*w->src))
			w->src++;
		for (p = w->src; p < w->end && *p == ' '; p++)
			;
		if (p >= w->end)
			return false;
		if (!is_break(*p))
			break;
		w->src = p;
	}
	spaces = (size_t)(p - w->src);
	if (spaces < own)
		return false;
	w->indent = spaces - own;
	w->src += w->indent;
	return true;
}

static const char *find_line(const struct source *source, unsigned line)
{
	const char *p = source->text, *end = source->text + source->len;

	while (--line) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			return NULL;
		p++;
	}
	return p;
}

/* Walks to `offset` of the text: the place in the source, or NULL. */
static const char *walk_to(struct walk *w, const char *text, size_t offset)
{
	const char *goal = text + offset, *before = w->src;

	w->text = text;
	if (*w->src == '"' || *w->src == '\'')
		w->quote = *w->src++;
	else if (*w->src == '|' || *w->src == '>')
		w->block = true;
	if (w->block && !enter_block(w))
		return NULL;
	before = w->src;
	while (w->text < goal) {
		before = w->src;
		if (!step(w))
			return NULL;
	}
	return w->text == goal ? w->src : before;
}

static struct pos pos_of(const struct pos *base, const char *p, size_t length)
{
	const struct source *source = base->source;
	const char *line = p;
	struct pos pos = *base;

	while (line > source->text && line[-1] != '\n')
		line--;
	pos.line = 1;
	for (const char *q = source->text; q < line; q++)
		pos.line += *q == '\n';
	pos.column = (unsigned)(p - line) + 1;
	pos.length = (unsigned)MIN(length, strcspn(p, "\r\n"));
	return pos;
}

struct pos config_pos_in(const struct config_text *text, size_t offset, size_t length)
{
	const struct pos *base = &text->pos;
	struct walk w = { 0 };
	const char *line, *found;

	if (!base->source || !base->line || !text->s || offset > strlen(text->s))
		return *base;
	line = find_line(base->source, base->line);
	w.end = base->source->text + base->source->len;
	if (!line || base->column == 0 || (size_t)(w.end - line) < base->column)
		return *base;
	w.src = line + base->column - 1;
	found = walk_to(&w, text->s, offset);
	return found ? pos_of(base, found, length) : *base;
}
