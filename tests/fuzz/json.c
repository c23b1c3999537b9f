/*
 * json.c - property: jread takes what jansson takes, and reads the same values from it; what only one of
 * them takes is known.
 */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "base/jread.h"
#include "base/escape.h"
#include "base/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_value(struct jread *r, const json_t *twin);

static void read_members(struct jread *r, const json_t *twin, bool object)
{
	struct jread_text key;
	size_t n = 0;

	while (jread_next(r, object ? &key : NULL)) {
		/* Of a key that stands twice jansson has the last value. */
		assert(!twin || !object || json_object_getn(twin, key.s, key.len));
		read_value(r, twin && !object ? json_array_get(twin, n) : NULL);
		n++;
	}
	if (twin && !r->error)
		assert(object ? n >= json_object_size(twin) : n == json_array_size(twin));
}

static void read_value(struct jread *r, const json_t *twin)
{
	enum jread_type type = jread_type(r);
	struct jread_text text;

	switch (type) {
	case JREAD_OBJECT:
	case JREAD_ARRAY:
		assert(!twin ||
			(type == JREAD_OBJECT ? json_is_object(twin) : json_is_array(twin)));
		if (jread_begin(r))
			read_members(r, twin, type == JREAD_OBJECT);
		return;
	case JREAD_STRING:
		assert(!twin || json_is_string(twin));
		if (jread_string(r, &text) && twin)
			assert(text.len == json_string_length(twin) &&
				!memcmp(text.s, json_string_value(twin), text.len));
		return;
	case JREAD_NUMBER:
		assert(!twin || json_is_number(twin));
		break;
	case JREAD_BOOL:
		assert(!twin || json_is_boolean(twin));
		break;
	case JREAD_NULL:
		assert(!twin || json_is_null(twin));
		break;
	case JREAD_END:
		return;
	}
	jread_skip(r);
}

static unsigned depth_of(const uint8_t *data, size_t size)
{
	unsigned open = 0;

	for (size_t i = 0; i < size; i++)
		open += data[i] == '[' || data[i] == '{';
	return open;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	json_t *tree;
	struct jread r;

	memcpy(text, data, size);
	text[size] = '\0';
	/* Who reads bodies with it has looked at that before; jansson does it by itself, and takes a NUL. */
	if (!utf8_valid(text, size) || memchr(text, '\0', size)) {
		free(text);
		return 0;
	}
	tree = json_loadb(text, size, JSON_DECODE_ANY, NULL);
	jread_init(&r, text, size);
	read_value(&r, tree);
	if (tree && depth_of(data, size) <= JREAD_MAX_DEPTH)
		assert(!r.error);
	json_decref(tree);
	free(text);
	return 0;
}
