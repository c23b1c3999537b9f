/*
 * families.c - property: what a body says of families is the same whether its lines were expected, after
 * another body, or read one by one. The input holds both bodies, a NUL byte between them.
 */
#include <assert.h>
#include <string.h>
#include "scrape/families.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As cache.c does. An exposition_kind or a negative errno, how the body ended. */
static int read_body(struct families *families, const char *s, size_t len, bool expect)
{
	struct exposition_entry entry = { 0 };
	struct exposition text;
	int kind;

	exposition_init(&text, s, len);
	families_begin(families);
	do {
		kind = expect && text.at < text.end && *text.at == '#'
			       ? families_expect(families, &text)
			       : 0;
		assert(kind >= 0 && text.at <= text.end);
		if (kind) {
			kind = EXPOSITION_TYPE;
			continue;
		}
		kind = exposition_next(&text, &entry);
		if (kind > EXPOSITION_SAMPLE)
			assert(!families_note(families, kind, &text, &entry));
	} while (kind > EXPOSITION_END);
	if (kind == EXPOSITION_END)
		families_commit(families);
	return kind;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static void check_same(const struct families *a, const struct families *b)
{
	assert(a->map.n == b->map.n && a->n_order == b->n_order);
	map_foreach (&a->map, e) {
		const struct family *x = e->value, *y = map_get(&b->map, e->key, e->key_len);

		assert(y && x->type == y->type && same_text(x->help, y->help));
		assert(x->round == y->round && x->literal == y->literal);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *first = (const char *)data;
	const char *nul = size ? memchr(first, '\0', size) : NULL;
	size_t len = nul ? (size_t)(nul - first) : size;
	const char *second = nul ? nul + 1 : first;
	size_t second_len = nul ? size - len - 1 : size;
	struct families a = { 0 }, b = { 0 };

	assert(read_body(&a, first, len, true) == read_body(&b, first, len, false));
	for (int i = 0; i < 3; i++)
		assert(read_body(&a, second, second_len, true) ==
			read_body(&b, second, second_len, false));
	check_same(&a, &b);
	families_release(&a);
	families_release(&b);
	return 0;
}
