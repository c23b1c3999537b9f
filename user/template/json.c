/*
 * json.c - values as encoding/json writes them.
 */
#include "template/value.h"

#include <errno.h>
#include <math.h>
#include "base/escape.h"
#include "base/num.h"

#define MAX_DEPTH 64

static int add_items(const struct tvalue *value, struct strbuf *out, unsigned depth)
{
	bool is_map = value->type == TVALUE_MAP;
	size_t n = is_map ? value->map.n : value->list.n;
	int err = 0;

	strbuf_addch(out, is_map ? '{' : '[');
	for (size_t i = 0; i < n && !err; i++) {
		const struct tvalue_pair *pair = is_map ? &value->map.pairs[i] : NULL;

		if (i)
			strbuf_addch(out, ',');
		if (pair) {
			escape_json_string(out, pair->key, strlen(pair->key));
			strbuf_addch(out, ':');
		}
		err = tvalue_json_at(pair ? pair->value : &value->list.items[i], out, depth);
	}
	strbuf_addch(out, is_map ? '}' : ']');
	return err;
}

int tvalue_json_at(const struct tvalue *value, struct strbuf *out, unsigned depth)
{
	char number[NUM_MAX], *exponent;

	if (depth > MAX_DEPTH || out->err)
		return out->err ? out->err : -ELOOP;
	switch (value->type) {
	case TVALUE_NIL:
	case TVALUE_NO_VALUE:
		strbuf_adds(out, "null");
		return 0;
	case TVALUE_BOOL:
	case TVALUE_INT:
		tvalue_print(value, out);
		return 0;
	case TVALUE_FLOAT:
		/* JSON has no word for these. */
		if (isnan(value->f) || isinf(value->f))
			return -EDOM;
		num_format(number, value->f);
		/* Other than Prometheus's values, numbers of encoding/json have e-9 for e-09. */
		exponent = strstr(number, "e-0");
		if (exponent)
			memmove(exponent + 2, exponent + 3, strlen(exponent + 3) + 1);
		strbuf_adds(out, number);
		return 0;
	case TVALUE_STRING:
	case TVALUE_SAFE:
	case TVALUE_SAFE_URL:
		escape_json_string(out, value->str.s, value->str.len);
		return 0;
	case TVALUE_LIST:
	case TVALUE_MAP:
		return add_items(value, out, depth + 1);
	case TVALUE_OBJECT:
		if (value->object.class->json)
			return value->object.class->json(value->object.self, out, depth + 1);
		strbuf_adds(out, "null");
		return 0;
	}
	return 0;
}

int tvalue_json(const struct tvalue *value, struct strbuf *out)
{
	return tvalue_json_at(value, out, 0);
}
