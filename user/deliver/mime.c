/*
 * mime.c - text made fit for a mail.
 *
 * Sources: RFC 5322 2.2 (folding), RFC 2047 (encoded words), RFC 2045 6.7 (quoted-printable).
 */
#include "deliver/mime.h"

#include <strings.h>
#include "base/escape.h"

#define ENCODED_PREFIX	 "=?utf-8?q?"
#define ENCODED_SUFFIX	 "?="
#define HEADER_VALUE_MAX 2000
/* RFC 5322 2.1.1: a line that cannot be folded may have 998. */
#define ID_MAX_BYTES 900

/* A header being written: words go out, each after a space or on a line of its own. */
struct fold {
	struct strbuf *out;
	size_t column;
};

static void fold_start(struct fold *f, struct strbuf *out, const char *name)
{
	strbuf_adds(out, name);
	strbuf_addch(out, ':');
	*f = (struct fold){ .out = out, .column = strlen(name) + 1 };
}

static void fold_line(struct fold *f)
{
	strbuf_adds(f->out, "\r\n ");
	f->column = 1;
}

static void fold_word(struct fold *f, const char *word, size_t len)
{
	if (f->column + 1 + len > MIME_COLUMNS) {
		fold_line(f);
	} else {
		strbuf_addch(f->out, ' ');
		f->column++;
	}
	strbuf_add(f->out, word, len);
	f->column += len;
}

bool mime_header_name_valid(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] >= 0x7f || name[i] == ':')
			return false;
	}
	return len && len <= MIME_HEADER_NAME_MAX;
}

/* Characters that a header must not carry on: see mime.h. */
static bool is_control(uint32_t rune)
{
	return rune < 0x20 || (rune >= 0x7f && rune < 0xa0) || (rune >= 0x200e && rune <= 0x200f) ||
	       (rune >= 0x2028 && rune <= 0x202e) || (rune >= 0x2066 && rune <= 0x2069);
}

void mime_clean(struct strbuf *out, const char *s, size_t len, size_t max_bytes)
{
	size_t start = out->len, n;
	bool in_control = false;
	uint32_t rune;

	for (; len; s += n, len -= n) {
		n = utf8_decode(s, len, &rune);
		if (!n) {
			n = 1;
			rune = 0xfffd;
		}
		if (is_control(rune)) {
			if (!in_control)
				strbuf_addch(out, ' ');
			in_control = true;
			continue;
		}
		in_control = false;
		if (out->len - start + 8 > max_bytes) {
			utf8_encode(out, 0x2026);
			return;
		}
		utf8_encode(out, rune);
	}
}

void mime_scratch_release(struct strbuf *scratch, struct strbuf *out)
{
	if (scratch->err && !out->err)
		out->err = scratch->err;
	strbuf_release(scratch);
}

/* These name mails. Who encodes one names none, and some servers take no mail without a name. */
static bool holds_ids(const char *name)
{
	static const char *const names[] = { "Message-Id", "In-Reply-To", "References" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcasecmp(names[i], name))
			return true;
	}
	return false;
}

/*
 * Can it stand as it is? Printable ASCII that no reader takes for an encoded word, with single
 * spaces, at which it is folded, and words of at most `longest` bytes.
 */
static bool is_plain(const char *s, size_t len, size_t longest)
{
	size_t word = 0;

	for (size_t i = 0; i < len; i++) {
		bool space = s[i] == ' ';

		if (s[i] < ' ' || s[i] > '~' || (s[i] == '=' && i + 1 < len && s[i + 1] == '?'))
			return false;
		if (space && (!word || i + 1 == len))
			return false;
		word = space ? 0 : word + 1;
		if (word > longest)
			return false;
	}
	return true;
}

/* One character in an encoded word: the set that RFC 2047 5 (3) allows even in names. */
static size_t encode_q(char out[static 12], const char *s, size_t n)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t len = 0;

	if (n == 1 && *s == ' ') {
		out[0] = '_';
		return 1;
	}
	if (n == 1 && ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			      (*s >= '0' && *s <= '9') || (*s && strchr("!*+-/", *s)))) {
		out[0] = *s;
		return 1;
	}
	for (size_t i = 0; i < n; i++) {
		out[len++] = '=';
		out[len++] = hex[(unsigned char)s[i] >> 4];
		out[len++] = hex[(unsigned char)s[i] & 15];
	}
	return len;
}

/* The text, valid UTF-8, as encoded words; white space between two of them counts for nothing. */
static void fold_encoded(struct fold *f, const char *s, size_t len)
{
	const size_t frame = strlen(ENCODED_PREFIX ENCODED_SUFFIX);
	char word[MIME_ENCODED_WORD + 1], q[12];
	size_t used, room, n, qlen;

	while (len) {
		/* A start so near the margin that no character fits is no start. */
		if (f->column + 1 + frame + sizeof(q) > MIME_COLUMNS)
			fold_line(f);
		room = MIME_COLUMNS - f->column - (f->column > 1);
		room = MIN(room, (size_t)MIME_ENCODED_WORD) - strlen(ENCODED_SUFFIX);
		used = strlen(ENCODED_PREFIX);
		memcpy(word, ENCODED_PREFIX, used);
		for (; len; s += n, len -= n) {
			n = MAX(utf8_decode(s, len, NULL), (size_t)1);
			qlen = encode_q(q, s, n);
			if (used + qlen > room)
				break;
			memcpy(word + used, q, qlen);
			used += qlen;
		}
		memcpy(word + used, ENCODED_SUFFIX, strlen(ENCODED_SUFFIX));
		used += strlen(ENCODED_SUFFIX);
		if (f->column > 1) {
			strbuf_addch(f->out, ' ');
			f->column++;
		}
		strbuf_add(f->out, word, used);
		f->column += used;
	}
}

static void fold_plain(struct fold *f, const char *s, size_t len)
{
	while (len) {
		const char *space = memchr(s, ' ', len);
		size_t word = space ? (size_t)(space - s) : len;

		fold_word(f, s, word);
		s += word + (space != NULL);
		len -= word + (space != NULL);
	}
}

void mime_header(struct strbuf *out, const char *name, const char *value)
{
	size_t longest = holds_ids(name) ? ID_MAX_BYTES : MIME_COLUMNS - 1;
	struct strbuf clean = STRBUF_INIT;
	struct fold f;

	mime_clean(&clean, value, strlen(value), HEADER_VALUE_MAX);
	fold_start(&f, out, name);
	if (is_plain(clean.s, clean.len, longest))
		fold_plain(&f, clean.s, clean.len);
	else
		fold_encoded(&f, clean.s, clean.len);
	strbuf_adds(out, "\r\n");
	mime_scratch_release(&clean, out);
}

/* Needs a display name quotes? It does not where it is nothing but atoms and single spaces. */
static bool is_atoms(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!strchr("!#$%&'*+-/=?^_`{|}~ ", s[i]) && !(s[i] >= 'a' && s[i] <= 'z') &&
			!(s[i] >= 'A' && s[i] <= 'Z') && !(s[i] >= '0' && s[i] <= '9'))
			return false;
	}
	return true;
}

/* Encoded words that the owner wrote, or a name that is nothing special. */
static void fold_name(struct fold *f, const char *name)
{
	struct strbuf clean = STRBUF_INIT, quoted = STRBUF_INIT;

	mime_clean(&clean, name, strlen(name), HEADER_VALUE_MAX);
	if (starts_with(clean.s, "=?") && is_atoms(clean.s, clean.len)) {
		fold_plain(f, clean.s, clean.len);
	} else if (!is_plain(clean.s, clean.len, MIME_COLUMNS - 1)) {
		fold_encoded(f, clean.s, clean.len);
	} else if (is_atoms(clean.s, clean.len)) {
		fold_plain(f, clean.s, clean.len);
	} else {
		strbuf_addch(&quoted, '"');
		for (size_t i = 0; i < clean.len; i++) {
			if (clean.s[i] == '"' || clean.s[i] == '\\')
				strbuf_addch(&quoted, '\\');
			strbuf_addch(&quoted, clean.s[i]);
		}
		strbuf_addch(&quoted, '"');
		fold_plain(f, quoted.s, quoted.len);
	}
	mime_scratch_release(&clean, f->out);
	mime_scratch_release(&quoted, f->out);
}

void mime_header_addresses(struct strbuf *out, const char *name, const struct address_list *list)
{
	char word[ADDRESS_MAX_BYTES + 4];
	struct fold f;

	fold_start(&f, out, name);
	for (size_t i = 0; i < list->n; i++) {
		const struct address *a = &list->items[i];
		size_t len = strlen(a->spec), used = 0;
		bool named = a->name[0] != '\0';

		if (named)
			fold_name(&f, a->name);
		if (named)
			word[used++] = '<';
		memcpy(word + used, a->spec, len);
		used += len;
		if (named)
			word[used++] = '>';
		if (i + 1 < list->n)
			word[used++] = ',';
		fold_word(&f, word, used);
	}
	strbuf_adds(out, "\r\n");
}

/* How byte i of a line of len bytes goes out: as it is, or as =XX? */
static bool qp_literal(const char *line, size_t len, size_t i)
{
	unsigned char c = (unsigned char)line[i];

	/* White space at the end of a line gets lost on the way. */
	if (c == ' ' || c == '\t')
		return i + 1 < len;
	/* A lone dot ends a mail, and "From " starts one, for programs that forget to escape it. */
	if (i == 0 && (c == '.' || c == 'F'))
		return false;
	return c > ' ' && c <= '~' && c != '=';
}

static void qp_line(struct strbuf *out, const char *line, size_t len)
{
	size_t column = 0;

	for (size_t i = 0; i < len; i++) {
		bool literal = qp_literal(line, len, i);
		size_t width = literal ? 1 : 3;

		/* The last column is kept for the '=' that says: this line goes on. */
		if (column + width > MIME_COLUMNS - 1) {
			strbuf_adds(out, "=\r\n");
			column = 0;
			/* After a soft break the next byte starts a line again. */
			if (line[i] == '.' || line[i] == 'F') {
				literal = false;
				width = 3;
			}
		}
		if (literal)
			strbuf_addch(out, line[i]);
		else
			strbuf_addf(out, "=%02X", (unsigned char)line[i]);
		column += width;
	}
	strbuf_adds(out, "\r\n");
}

void mime_quoted_printable(struct strbuf *out, const char *text, size_t len)
{
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len;

		qp_line(out, text, line);
		text += line + (end != NULL);
		len -= line + (end != NULL);
	}
}

size_t mime_quoted_printable_bound(const char *text, size_t len)
{
	size_t bytes = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		bytes += c == '\n'						  ? 2
			 : c < ' ' || c > '~' || c == '=' || c == '.' || c == 'F' ? 3
										  : 1;
	}
	/* A soft break of 3 bytes after at least 73 columns. */
	return bytes + (bytes / 73 + 1) * 3 + 2;
}
