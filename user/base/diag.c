/*
 * diag.c - faults with their place, collected and printed together.
 */
#include "base/diag.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include "base/escape.h"

/* Of a long line only a part around the fault is shown. */
#define SHOWN_BYTES 160u

struct source *source_new(const char *name, const char *text, size_t len)
{
	struct source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->refs = 1;
	source->name = strdup(name);
	source->text = malloc(len + 1);
	source->len = len;
	if (!source->name || !source->text) {
		source_unref(source);
		return NULL;
	}
	if (len)
		memcpy(source->text, text, len);
	source->text[len] = '\0';
	return source;
}

struct source *source_ref(struct source *source)
{
	if (source)
		source->refs++;
	return source;
}

void source_unref(struct source *source)
{
	if (!source || --source->refs)
		return;
	free(source->name);
	free(source->text);
	free(source->secrets);
	free(source);
}

static void hide(struct source *source, struct source_secret secret)
{
	if (secret.from >= secret.to)
		return;
	if (vec_reserve(source->secrets, source->n_secrets, source->cap_secrets))
		source->secrets[source->n_secrets++] = secret;
	else
		source->hidden = true;
}

void source_hide(struct source *source, size_t from, size_t to)
{
	hide(source, (struct source_secret){ from, to, false });
}

void source_hide_guess(struct source *source, size_t from, size_t to)
{
	hide(source, (struct source_secret){ from, to, true });
}

bool source_hides(const struct source *source, size_t at)
{
	for (size_t i = 0; i < source->n_secrets; i++) {
		if (!source->secrets[i].guess && at >= source->secrets[i].from &&
			at < source->secrets[i].to)
			return true;
	}
	return source->hidden;
}

size_t source_login_length(const char *s, size_t len)
{
	for (size_t i = 0; i < len && !strchr("/?#\"'\\ \t\r\n", s[i]); i++) {
		if (s[i] == '@')
			return i;
	}
	return 0;
}

void diag_release(struct diag *diag)
{
	for (size_t i = 0; i < diag->n; i++) {
		source_unref(diag->entries[i].pos.source);
		free(diag->entries[i].text);
	}
	free(diag->entries);
	*diag = DIAG_INIT;
}

/* Who a URL logs in as, and with which password, is nobody's business, wherever the URL is quoted. */
static void hide_logins(char *text)
{
	size_t len;

	for (char *p = text; (p = strstr(p, "://"));) {
		p += 3;
		len = source_login_length(p, strlen(p));
		if (!len)
			continue;
		*p = '*';
		memmove(p + 1, p + len, strlen(p + len) + 1);
	}
}

/* What many inherit from one place has one fault there, however many stumble over it. */
static bool is_told(const struct diag *diag, enum diag_severity severity, const struct pos *pos,
	const char *text)
{
	for (size_t i = 0; pos->source && i < diag->n; i++) {
		const struct diag_entry *e = &diag->entries[i];

		if (e->severity == severity && e->pos.source == pos->source &&
			e->pos.line == pos->line && e->pos.column == pos->column &&
			streq(e->text, text))
			return true;
	}
	return false;
}

static void add(struct diag *diag, enum diag_severity severity, struct pos pos, const char *fmt,
	va_list args)
{
	bool kept = diag->n < DIAG_MAX_ENTRIES && vec_reserve(diag->entries, diag->n, diag->cap);
	char *text = NULL;

	if (kept && vasprintf(&text, fmt, args) < 0)
		kept = false;
	if (kept) {
		hide_logins(text);
		if (is_told(diag, severity, &pos, text)) {
			free(text);
			return;
		}
	}
	if (severity == DIAG_ERROR)
		diag->errors++;
	else if (severity == DIAG_WARNING)
		diag->warnings++;
	if (!kept) {
		diag->dropped++;
		return;
	}
	source_ref(pos.source);
	diag->entries[diag->n++] =
		(struct diag_entry){ .severity = severity, .pos = pos, .text = text };
}

int diag_error(struct diag *diag, struct pos pos, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(diag, DIAG_ERROR, pos, fmt, args);
	va_end(args);
	return -EINVAL;
}

int diag_warning(struct diag *diag, struct pos pos, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(diag, DIAG_WARNING, pos, fmt, args);
	va_end(args);
	return -EINVAL;
}

int diag_hint(struct diag *diag, struct pos pos, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(diag, DIAG_HINT, pos, fmt, args);
	va_end(args);
	return -EINVAL;
}

static const char *line_start(const struct source *source, unsigned line)
{
	const char *p = source->text, *end = source->text + source->len;

	for (unsigned i = 1; i < line; i++) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			return NULL;
		p++;
	}
	return p;
}

static const char secret_shown[] = "<secret>";

/* The end of the secret that byte `at` belongs to, or 0. */
static size_t secret_end(const struct source *source, size_t at)
{
	size_t end = 0;

	for (size_t i = 0; i < source->n_secrets; i++) {
		if (source->secrets[i].from <= at && at < source->secrets[i].to)
			end = MAX(end, source->secrets[i].to);
	}
	return end;
}

bool pos_is_hidden(const struct pos *pos)
{
	const struct source *source = pos->source;
	const char *line = source && pos->line ? line_start(source, pos->line) : NULL;

	return line && (source->hidden || secret_end(source, (size_t)(line - source->text) +
								     MAX(pos->column, 1u) - 1));
}

/* For each byte of a line whether it is secret; NULL when memory is out. */
static bool *secret_bytes(const struct source *source, size_t begin, size_t len)
{
	bool *secret = calloc(len + 1, sizeof(*secret));

	for (size_t i = 0; secret && i < source->n_secrets; i++) {
		size_t from = MAX(source->secrets[i].from, begin);
		size_t to = MIN(source->secrets[i].to, begin + len);

		if (from < to)
			memset(secret + (from - begin), true, to - from);
	}
	return secret;
}

/* A line as it may be shown; *column becomes the place in it where that byte went. */
static void mask_line(const struct source *source, const char *line, size_t len, size_t *column,
	struct strbuf *out)
{
	scoped(freep) bool *secret = secret_bytes(source, (size_t)(line - source->text), len);
	size_t went = SIZE_MAX;

	if (!secret) {
		out->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < len; i++) {
		bool begins = secret[i] && (!i || !secret[i - 1]);

		if (*column == i)
			went = secret[i] && !begins ? out->len - strlen(secret_shown) : out->len;
		if (begins)
			strbuf_adds(out, secret_shown);
		else if (!secret[i])
			strbuf_addch(out, line[i]);
	}
	*column = MIN(went, out->len);
}

/* The bytes at `at` that take one column: a character, or one that is broken. */
static size_t column_bytes(const char *line, size_t at, size_t end)
{
	return MIN(MAX(utf8_decode(line + at, end - at, NULL), (size_t)1), end - at);
}

/* The line with the fault, and marks under it; what cannot be shown in a terminal becomes '?'. */
static void print_line(
	const char *line, size_t len, size_t column, size_t length, struct strbuf *out)
{
	size_t from = 0, to, n, marks;

	if (column > SHOWN_BYTES / 2)
		from = column - SHOWN_BYTES / 2;
	while (from && from < column && ((unsigned char)line[from] & 0xc0) == 0x80)
		from++;
	to = MIN(len, from + SHOWN_BYTES);

	strbuf_adds(out, "    ");
	for (size_t i = from; i < to; i += n) {
		n = column_bytes(line, i, to);
		if (line[i] == '\t' || escape_is_harmless(line + i, n))
			strbuf_add(out, line + i, n);
		else
			strbuf_addch(out, '?');
	}
	strbuf_adds(out, "\n    ");
	for (size_t i = from; i < column; i += column_bytes(line, i, len))
		strbuf_addch(out, line[i] == '\t' ? '\t' : ' ');
	strbuf_addch(out, '^');
	marks = column + MIN(MAX(length, (size_t)1), to - column);
	for (size_t i = column + column_bytes(line, column, marks); i < marks;
		i += column_bytes(line, i, marks))
		strbuf_addch(out, '~');
	strbuf_addch(out, '\n');
}

static void print_excerpt(const struct pos *pos, struct strbuf *out)
{
	size_t column = MAX(pos->column, 1u) - 1, length = pos->length, len;
	const struct source *source = pos->source;
	struct strbuf masked = STRBUF_INIT;
	const char *line, *end;

	line = pos->line && !source->hidden ? line_start(source, pos->line) : NULL;
	if (!line)
		return;
	end = memchr(line, '\n', (size_t)(source->text + source->len - line));
	len = end ? (size_t)(end - line) : strlen(line);
	column = MIN(column, len);
	if (!source->n_secrets) {
		print_line(line, len, column, length, out);
		return;
	}
	if (secret_end(source, (size_t)(line - source->text) + column))
		length = sizeof(secret_shown) - 1;
	mask_line(source, line, len, &column, &masked);
	if (masked.err)
		out->err = out->err ? out->err : masked.err;
	else
		print_line(masked.s, masked.len, column, length, out);
	strbuf_release(&masked);
}

void diag_print_entry(const struct diag_entry *entry, struct strbuf *out)
{
	static const char *const names[] = {
		[DIAG_ERROR] = "error",
		[DIAG_WARNING] = "warning",
		[DIAG_HINT] = "hint",
	};
	const struct pos *pos = &entry->pos;

	if (pos->source) {
		escape_terminal(out, pos->source->name, strlen(pos->source->name));
		if (pos->line)
			strbuf_addf(out, ":%u:%u", pos->line, MAX(pos->column, 1u));
		strbuf_adds(out, ": ");
	}
	strbuf_addf(out, "%s: ", names[entry->severity]);
	escape_terminal(out, entry->text, strlen(entry->text));
	strbuf_addch(out, '\n');
	if (pos->source)
		print_excerpt(pos, out);
}

static int by_place(const void *pa, const void *pb)
{
	const struct diag_entry *a = *(const struct diag_entry *const *)pa;
	const struct diag_entry *b = *(const struct diag_entry *const *)pb;

	/* Files stay in the order in which they were first complained about. */
	if (a->pos.source == b->pos.source && a->pos.line != b->pos.line)
		return a->pos.line < b->pos.line ? -1 : 1;
	return a < b ? -1 : a > b;
}

void diag_print(const struct diag *diag, struct strbuf *out)
{
	const struct diag_entry **order = calloc(diag->n + 1, sizeof(*order));
	size_t n = 0, from;

	for (size_t i = 0; order && i < diag->n; i++) {
		/* Sources are few: gather each one's entries at its first mention. */
		for (size_t k = 0; k <= i; k++) {
			if (k < i && diag->entries[k].pos.source == diag->entries[i].pos.source)
				break;
			if (k < i)
				continue;
			from = n;
			for (size_t j = i; j < diag->n; j++) {
				if (diag->entries[j].pos.source == diag->entries[i].pos.source)
					order[n++] = &diag->entries[j];
			}
			qsort(order + from, n - from, sizeof(*order), by_place);
		}
	}
	for (size_t i = 0; i < diag->n; i++)
		diag_print_entry(order ? order[i] : &diag->entries[i], out);
	if (diag->dropped)
		strbuf_addf(out, "... and %zu more\n", diag->dropped);
	free(order);
}

#define NEAREST_MAX 64

/* Letters that are put in, left out, changed or swapped with the next one; upper and lower case are alike. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned rows[3][NEAREST_MAX], *before = rows[0], *last = rows[1], *row = rows[2], *spare;
	size_t na = strlen(a), nb = strlen(b);

	if (na >= NEAREST_MAX || nb >= NEAREST_MAX)
		return UINT32_MAX;
	for (unsigned j = 0; j <= nb; j++)
		last[j] = j;
	for (unsigned i = 1; i <= na; i++) {
		row[0] = i;
		for (unsigned j = 1; j <= nb; j++) {
			bool same = tolower((unsigned char)a[i - 1]) ==
				    tolower((unsigned char)b[j - 1]);

			row[j] = MIN(last[j], row[j - 1]) + 1;
			row[j] = MIN(row[j], last[j - 1] + !same);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN(row[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[nb];
}

const char *diag_nearest(const char *word, const char *const *candidates, size_t n)
{
	size_t len = strlen(word), other;
	unsigned best = (unsigned)MAX(len / 3, (size_t)1) + 1, distance;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		/* So many letters are put in or left out at least; a file may have very many words to ask for. */
		other = strlen(candidates[i]);
		if (MAX(len, other) - MIN(len, other) >= best)
			continue;
		distance = edit_distance(word, candidates[i]);
		if (distance < best) {
			best = distance;
			found = candidates[i];
		}
	}
	return found;
}
