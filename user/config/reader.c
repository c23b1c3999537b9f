/*
 * reader.c - values out of nodes, and files into sources.
 */
#include "config/reader.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <poll.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "base/num.h"
#include "model/duration.h"

/* Of a wrong value this much is shown. */
#define SHOWN		 60
#define PIPE_PATIENCE_NS (5 * NSEC_PER_SEC)

void *reader_no_memory(struct reader *r)
{
	r->err = -ENOMEM;
	return NULL;
}

void *reader_alloc(struct reader *r, size_t bytes)
{
	void *p = arena_alloc(&r->config->arena, bytes);

	return p ? p : reader_no_memory(r);
}

bool reader_add_source(struct reader *r, struct source *source)
{
	struct config *c = r->config;

	if (!arena_reserve(&c->arena, c->sources, c->n_sources, c->cap_sources)) {
		reader_no_memory(r);
		return false;
	}
	c->sources[c->n_sources++] = source_ref(source);
	return true;
}

/*
 * A pipe (`<(gpg -d ...)`, /dev/stdin) is waited for until `by_ns`, so that who holds it open and writes nothing
 * does not hold us up.
 */
static ssize_t read_some(int fd, char *room, size_t size, int64_t by_ns)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left_ms;
	ssize_t n;

	for (;;) {
		n = read(fd, room, size);
		if (n >= 0 || (errno != EINTR && errno != EAGAIN))
			return n;
		left_ms = (by_ns - clock_boot_ns()) / NSEC_PER_MSEC;
		if (errno == EAGAIN && (left_ms <= 0 || poll(&p, 1, (int)left_ms) == 0)) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
}

/* Reads up to one byte more than a file may have. 0 or a negative errno. */
static int read_whole(const char *path, char **ret, size_t *ret_len)
{
	scoped(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int64_t by_ns = clock_boot_ns() + PIPE_PATIENCE_NS;
	struct strbuf text;
	struct stat st;
	ssize_t n;
	char *room;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > TREE_MAX_BYTES)
		return -EFBIG;
	strbuf_init(&text, TREE_MAX_BYTES + 65536);
	do {
		room = strbuf_room(&text, 65536);
		n = room ? read_some(fd, room, 65536, by_ns) : -1;
		if (n > 0) {
			text.len += (size_t)n;
			text.s[text.len] = '\0';
		}
	} while (n > 0 && text.len <= TREE_MAX_BYTES);
	if (!room || n < 0) {
		int err = room ? -errno : text.err;

		strbuf_release(&text);
		return err;
	}
	if (text.len > TREE_MAX_BYTES) {
		strbuf_release(&text);
		return -EFBIG;
	}
	*ret_len = text.len;
	return strbuf_finish(&text, ret);
}

bool reader_open(struct reader *r, const char *path, struct pos pos, struct source **ret)
{
	scoped(source_unrefp) struct source *source = NULL;
	scoped(freep) char *text = NULL;
	size_t len = 0;
	int err;

	err = read_whole(path, &text, &len);
	if (err == -ENOMEM) {
		reader_no_memory(r);
		return false;
	}
	if (err) {
		r->broken = true;
		if (err == -EFBIG || err == -EMSGSIZE)
			diag_error(r->diag, pos, "'%s' is too large: a file may have %zu MiB", path,
				TREE_MAX_BYTES >> 20);
		else
			diag_error(r->diag, pos, "cannot read '%s': %s", path, strerror(-err));
		return false;
	}
	source = source_new(path, text, len);
	if (!source) {
		reader_no_memory(r);
		return false;
	}
	if (!reader_add_source(r, source))
		return false;
	*ret = source; /* the configuration keeps it */
	return true;
}

char *reader_path(struct reader *r, const struct tree_node *node)
{
	const char *name = node->pos.source->name, *slash = strrchr(name, '/');
	char *path;

	if (node->text.s[0] == '/' || !slash)
		path = arena_strdup(&r->config->arena, node->text.s);
	else
		path = arena_printf(
			&r->config->arena, "%.*s/%s", (int)(slash - name), name, node->text.s);
	return path ? path : reader_no_memory(r);
}

/* As Prometheus: stars only in the last part of a path. */
static bool pattern_valid(const char *pattern)
{
	const char *star = strchr(pattern, '*');

	return !star || !strchr(star, '/');
}

static void each_match(struct reader *r, const char *pattern, const struct tree_node *node,
	const char *what, void (*fn)(struct reader *r, const char *path, struct pos pos))
{
	glob_t found = { 0 };
	int err = glob(pattern, 0, NULL, &found);

	if (err == GLOB_NOSPACE) {
		reader_no_memory(r);
	} else if (err == GLOB_NOMATCH && !strpbrk(pattern, "*?[")) {
		r->broken = true;
		diag_error(r->diag, node->pos, "%s '%s' does not point to an existing file", what,
			pattern);
	} else if (err == GLOB_NOMATCH) {
		diag_warning(r->diag, node->pos, "no %s matches '%s'", what, pattern);
	} else if (err) {
		diag_error(r->diag, node->pos, "cannot search '%s': %s", pattern, strerror(errno));
	}
	for (size_t i = 0; !err && i < found.gl_pathc; i++) {
		if (map_gets(&r->read_files, found.gl_pathv[i]))
			continue;
		if (map_puts(&r->read_files, found.gl_pathv[i], r))
			reader_no_memory(r);
		else
			fn(r, found.gl_pathv[i], node->pos);
	}
	globfree(&found);
}

void reader_each_file(struct reader *r, const struct tree_pair *pair, const char *what,
	void (*fn)(struct reader *r, const char *path, struct pos pos))
{
	size_t n = reader_list(r, pair);
	const struct tree_node *item;
	struct config_text text;
	char *path;

	for (size_t i = 0; i < n; i++) {
		item = pair->value->items[i];
		if (!reader_item_text(r, pair->key->text.s, item, &text))
			continue;
		if (!text_set(&text) || !pattern_valid(text.s)) {
			diag_error(r->diag, item->pos,
				"invalid %s path \"%s\": '*' may stand only in its last part", what,
				text.s);
			continue;
		}
		path = reader_path(r, item);
		if (path)
			each_match(r, path, item, what, fn);
	}
}

bool reader_item_text(
	struct reader *r, const char *name, const struct tree_node *item, struct config_text *ret)
{
	char *s;

	if (item->kind != TREE_SCALAR) {
		diag_error(r->diag, item->pos, "'%s' must be a text, not %s", name,
			tree_describe(item));
		return false;
	}
	if (strlen(item->text.s) != item->text.len) {
		diag_error(r->diag, item->pos, "'%s' must not hold a NUL byte", name);
		return false;
	}
	s = arena_strdup(&r->config->arena, item->null ? "" : item->text.s);
	if (!s) {
		reader_no_memory(r);
		return false;
	}
	*ret = (struct config_text){ .s = s, .pos = item->pos };
	return true;
}

bool reader_text(struct reader *r, const struct tree_pair *pair, struct config_text *ret)
{
	return reader_item_text(r, pair->key->text.s, pair->value, ret);
}

/* The text of a value that must be a scalar of some form, or NULL, told. */
static const char *plain_text(struct reader *r, const struct tree_pair *pair, const char *form)
{
	const struct tree_node *value = pair->value;
	bool scalar = value->kind == TREE_SCALAR;

	if (scalar && strlen(value->text.s) == value->text.len)
		return value->text.s;
	diag_error(r->diag, value->pos, "'%s' must be %s, not %s", pair->key->text.s, form,
		scalar ? "a text with a NUL byte" : tree_describe(value));
	return NULL;
}

bool reader_truth(const struct tree_node *value, bool *ret)
{
	static const char *const words[2][12] = {
		{ "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N" },
		{ "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y" },
	};

	for (int truth = 0; value->kind == TREE_SCALAR && value->plain && truth < 2; truth++) {
		for (size_t i = 0; words[truth][i]; i++) {
			if (strlen(words[truth][i]) == value->text.len &&
				!memcmp(words[truth][i], value->text.s, value->text.len)) {
				*ret = truth;
				return true;
			}
		}
	}
	return false;
}

bool reader_bool(struct reader *r, const struct tree_pair *pair, bool *ret)
{
	const char *s;

	if (pair->value->null || reader_truth(pair->value, ret))
		return true;
	s = plain_text(r, pair, "true or false");
	if (s)
		diag_error(r->diag, pair->value->pos, "'%s' must be true or false, not '%.*s'%s",
			pair->key->text.s, SHOWN, s, pair->value->plain ? "" : " in quotes");
	return false;
}

bool reader_duration(struct reader *r, const struct tree_pair *pair, int64_t *ret_ms)
{
	const char *s;
	int err;

	if (pair->value->null)
		return true;
	s = plain_text(r, pair, "a duration like 15s, 5m or 1h30m");
	if (!s)
		return false;
	err = duration_parse(s, strlen(s), ret_ms);
	if (err == -ERANGE)
		diag_error(r->diag, pair->value->pos, "'%s': duration out of range",
			pair->key->text.s);
	else if (err && !*s)
		diag_error(r->diag, pair->value->pos,
			"'%s': empty duration string; write it like 15s, 5m or 1h30m",
			pair->key->text.s);
	else if (err)
		diag_error(r->diag, pair->value->pos,
			"'%s': not a valid duration string: \"%.*s\"; write it like 15s, 5m or 1h30m",
			pair->key->text.s, SHOWN, s);
	return !err;
}

/* The number of a text that begins with its base; 0, -ERANGE, or -EINVAL where it has none. */
static int based_parse(const char *s, int64_t *ret)
{
	static const struct {
		const char *prefix, *digits;
		int64_t base;
	} bases[] = {
		{ "0x", "0123456789abcdef", 16 },
		{ "0b", "01", 2 },
		{ "0o", "01234567", 8 },
		{ "0", "01234567", 8 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		const char *at = s + strlen(bases[i].prefix);
		int64_t value = 0;

		/* 08 is no octal number, and 8 to YAML. */
		if (!starts_with(s, bases[i].prefix) || !*at || at[strspn(at, bases[i].digits)])
			continue;
		for (; *at; at++) {
			int64_t digit = strchr(bases[i].digits, *at) - bases[i].digits;

			if (value > (INT64_MAX - digit) / bases[i].base)
				return -ERANGE;
			value = value * bases[i].base + digit;
		}
		*ret = value;
		return 0;
	}
	return -EINVAL;
}

/* A whole number as YAML 1.1 writes it: 1_000, -0x1f, 0b11, 0o17 and 017, which are both 15. */
static int int_parse(const char *s, int64_t min, int64_t *ret)
{
	bool negative = *s == '-';
	char plain[72];
	size_t n = 0;
	int64_t value = 0;
	int err;

	for (; *s; s++) {
		if (n == sizeof(plain) - 1)
			return -EINVAL;
		if (*s != '_')
			plain[n++] = (char)tolower((unsigned char)*s);
	}
	plain[n] = '\0';
	err = based_parse(plain + (*plain == '-' || *plain == '+'), &value);
	if (err == -EINVAL)
		return num_parse_int(plain, min, INT64_MAX, ret);
	value = negative ? -value : value;
	if (err || value < min)
		return -ERANGE;
	*ret = value;
	return 0;
}

bool reader_number(const struct tree_node *value, int64_t min, int64_t *ret)
{
	double whole;

	if (value->kind != TREE_SCALAR || !value->plain || strlen(value->text.s) != value->text.len)
		return false;
	if (!int_parse(value->text.s, min, ret))
		return true;
	/* 1e6 is a float to YAML, and taken where it is whole. */
	if (num_parse(value->text.s, value->text.len, &whole) || whole != floor(whole) ||
		whole < (double)min || fabs(whole) >= 0x1p53)
		return false;
	*ret = (int64_t)whole;
	return true;
}

bool reader_int(struct reader *r, const struct tree_pair *pair, int64_t min, int64_t *ret)
{
	const char *s;

	if (pair->value->null || reader_number(pair->value, min, ret))
		return true;
	s = plain_text(r, pair, "a whole number");
	if (s)
		diag_error(r->diag, pair->value->pos, "'%s' must be a whole number%s, not '%.*s'%s",
			pair->key->text.s, min == 0 ? " from 0 on" : "", SHOWN, s,
			pair->value->plain ? "" : " in quotes");
	return false;
}

int config_size_parse(const char *s, int64_t *ret_bytes)
{
	static const char prefixes[] = "BKMGTPE";
	double total = 0, number;
	const char *unit;
	size_t digits;

	if (streq(s, "0")) {
		*ret_bytes = 0;
		return 0;
	}
	if (!*s)
		return -EINVAL;
	while (*s) {
		digits = strspn(s, "0123456789.");
		if (!digits || num_parse(s, digits, &number))
			return -EINVAL;
		s += digits;
		unit = *s ? strchr(prefixes, *s) : NULL;
		if (!unit)
			return -EINVAL;
		for (const char *p = prefixes; p < unit; p++)
			number *= 1024;
		total += number;
		s++;
		if (unit > prefixes && *s == 'i')
			s++;
		if (unit > prefixes && *s++ != 'B')
			return -EINVAL;
	}
	if (!(total < 9e18))
		return -ERANGE;
	*ret_bytes = (int64_t)total;
	return 0;
}

bool reader_size(struct reader *r, const struct tree_pair *pair, int64_t *ret_bytes)
{
	const char *s;

	if (pair->value->null)
		return true;
	s = plain_text(r, pair, "a size like 10MB");
	if (!s)
		return false;
	if (!config_size_parse(s, ret_bytes))
		return true;
	diag_error(r->diag, pair->value->pos, "'%s' must be a size like 10MB or 512KiB, not '%.*s'",
		pair->key->text.s, SHOWN, s);
	return false;
}

bool reader_pairs(struct reader *r, const struct tree_pair *pair, struct config_pairs *ret)
{
	const struct tree_node *map = pair->value;
	struct config_pair item;

	if (map->null)
		return true;
	if (map->kind != TREE_MAP) {
		diag_error(r->diag, map->pos, "'%s' must be a mapping of names to texts, not %s",
			pair->key->text.s, tree_describe(map));
		return false;
	}
	for (size_t i = 0; i < map->n; i++) {
		if (!reader_item_text(r, pair->key->text.s, map->pairs[i].key, &item.name) ||
			!reader_text(r, &map->pairs[i], &item.value))
			continue;
		if (!arena_reserve(&r->config->arena, ret->items, ret->n, ret->cap)) {
			reader_no_memory(r);
			return false;
		}
		ret->items[ret->n++] = item;
	}
	return true;
}

void reader_tell_unserved(struct reader *r, struct pos pos, const char *key)
{
	r->n_unserved++;
	if (!r->unreached)
		diag_error(r->diag, pos, "'%s' is not served yet by this version of tolld", key);
}

size_t reader_list(struct reader *r, const struct tree_pair *pair)
{
	if (pair->value->kind == TREE_LIST)
		return pair->value->n;
	if (!pair->value->null)
		diag_error(r->diag, pair->value->pos, "'%s' must be a list, not %s",
			pair->key->text.s, tree_describe(pair->value));
	return 0;
}
