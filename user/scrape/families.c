/*
 * families.c - a family for each name, and the order in which they came.
 */
#include "scrape/families.h"

#include <errno.h>

/* They are kept this many bodies after they were last told of. */
#define KEPT_ROUNDS 10

static void family_free(struct family *family)
{
	free(family->help);
	free(family->unit);
	free(family);
}

static void forget_reading(struct families *families)
{
	free(families->seen);
	families->seen = NULL;
	families->n_seen = families->cap_seen = 0;
}

void families_release(struct families *families)
{
	map_foreach (&families->map, e)
		family_free(e->value);
	map_release(&families->map);
	free(families->order);
	forget_reading(families);
	*families = (struct families){ 0 };
}

void families_begin(struct families *families)
{
	forget_reading(families);
	families->round++;
	families->expected = 0;
}

/* It is told of in this body; what followed it in the last one is expected next. */
static int see(struct families *families, const struct map_entry *e)
{
	struct family *family = e->value;

	if (family->place < families->n_order && families->order[family->place] == e)
		families->expected = family->place + 1;
	if (family->round == families->round)
		return 0;
	if (!vec_reserve(families->seen, families->n_seen, families->cap_seen))
		return -ENOMEM;
	families->seen[families->n_seen++] = e;
	family->round = families->round;
	return 0;
}

int families_expect(struct families *families, struct exposition *text)
{
	const struct map_entry *e;
	const struct family *family;
	int err;

	if (families->expected >= families->n_order)
		return 0;
	e = families->order[families->expected];
	family = e->value;
	if (!family->literal ||
		!exposition_expect_family(text, e->key, e->key_len, family->help, family->type))
		return 0;
	err = see(families, e);
	return err ? err : 1;
}

static bool text_is(const char *text, const char *s, size_t len)
{
	return text && strlen(text) == len && !memcmp(text, s, len);
}

/* OpenMetrics has a quote's escape in addition. */
static int set_text(char **text, const struct exposition_entry *entry, bool quotes)
{
	struct strbuf plain = STRBUF_INIT;
	char *fresh;
	int err;

	exposition_unescape(&plain, entry->text, entry->text_len, quotes);
	if (!plain.err && text_is(*text, plain.s, plain.len)) {
		strbuf_release(&plain);
		return 0;
	}
	/* It stays for days, and takes no more than it needs. */
	err = plain.err;
	fresh = err ? NULL : strndup(plain.s, plain.len);
	strbuf_release(&plain);
	if (!fresh)
		return err ? err : -ENOMEM;
	free(*text);
	*text = fresh;
	return 0;
}

static int set_help(
	struct family *family, const struct exposition *text, const struct exposition_entry *entry)
{
	int err = set_text(&family->help, entry, text->openmetrics);

	family->literal = !err && !entry->quoted &&
			  text_is(family->help, entry->text, entry->text_len) &&
			  !memchr(entry->text, '\\', entry->text_len);
	return err;
}

static const struct map_entry *add(struct families *families, const char *name, size_t len)
{
	struct family *family = calloc(1, sizeof(*family));

	if (!family || map_put(&families->map, name, len, family)) {
		free(family);
		return NULL;
	}
	return map_find(&families->map, name, len);
}

static const struct map_entry *find_or_add(
	struct families *families, const struct exposition_entry *entry)
{
	struct strbuf unquoted = STRBUF_INIT;
	const struct map_entry *e = NULL;
	const char *name = entry->name;
	size_t len = entry->name_len;

	if (entry->quoted) {
		exposition_unescape(&unquoted, name, len, true);
		name = unquoted.s;
		len = unquoted.len;
	}
	if (!unquoted.err)
		e = map_find(&families->map, name, len);
	if (!e && !unquoted.err)
		e = add(families, name, len);
	strbuf_release(&unquoted);
	return e;
}

int families_note(struct families *families, int kind, const struct exposition *text,
	const struct exposition_entry *entry)
{
	const struct map_entry *e = find_or_add(families, entry);
	struct family *family;

	if (!e || see(families, e))
		return -ENOMEM;
	family = e->value;
	if (kind == EXPOSITION_HELP)
		return set_help(family, text, entry);
	if (kind == EXPOSITION_UNIT)
		return set_text(&family->unit, entry, false);
	family->type = text->type;
	return 0;
}

static void forget_old(struct families *families)
{
	map_foreach (&families->map, e) {
		struct family *family = e->value;

		if (families->round - family->round <= KEPT_ROUNDS)
			continue;
		map_del(&families->map, e->key, e->key_len);
		family_free(family);
	}
}

void families_commit(struct families *families)
{
	free(families->order);
	families->order = TAKE(families->seen);
	families->n_order = families->n_seen;
	forget_reading(families);
	for (size_t i = 0; i < families->n_order; i++)
		((struct family *)families->order[i]->value)->place = (uint32_t)i;
	if (families->map.n > families->n_order)
		forget_old(families);
}
