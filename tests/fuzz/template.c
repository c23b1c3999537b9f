/*
 * A template that is parsed and executed never does harm, whatever it is: its output keeps to its
 * limit, a failure leaves none, text without actions renders to itself, and a second execution gives
 * the same.
 */
#include "rules/functions.h"
#include "template/template.h"

#define MAX_OUTPUT 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_)
{
	if (!true_)
		abort();
}

/* Prometheus's functions but the one that needs a store. */
static const struct template_function *functions(void)
{
	static struct template_function without[64];
	size_t n = 0;

	for (const struct template_function *f = rule_template_functions; f->name; f++) {
		if (!streq(f->name, "query"))
			without[n++] = *f;
		require(n < ARRAY_SIZE(without));
	}
	without[n] = (struct template_function){ 0 };
	return without;
}

/* {F: 1.5, L: [1 2 <nil>], M: {a: 1, b: ä}, N: 7, S: "text"} */
static struct tvalue make_data(void)
{
	static struct tvalue list[3], texts[2], members[5];
	static struct tvalue_pair inner[2], pairs[5];

	list[0] = tvalue_int(1);
	list[1] = tvalue_int(2);
	list[2] = (struct tvalue){ .type = TVALUE_NIL };
	texts[0] = tvalue_string("1", 1);
	texts[1] = tvalue_string("\xc3\xa4", 2);
	inner[0] = (struct tvalue_pair){ "a", &texts[0] };
	inner[1] = (struct tvalue_pair){ "b", &texts[1] };
	members[0] = tvalue_float(1.5);
	members[1] = (struct tvalue){ .type = TVALUE_LIST, .list = { list, 3 } };
	members[2] = (struct tvalue){ .type = TVALUE_MAP,
		.map = { .pairs = inner, .n = 2, .of_strings = true } };
	members[3] = tvalue_int(7);
	members[4] = tvalue_string("text", 4);
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		pairs[i] = (struct tvalue_pair){ (const char *[]){ "F", "L", "M", "N", "S" }[i],
			&members[i] };
	return (struct tvalue){ .type = TVALUE_MAP,
		.map = { .pairs = pairs, .n = ARRAY_SIZE(pairs) } };
}

static int execute(struct template_set *set, const struct tvalue *root, struct strbuf *out)
{
	const struct template_limits limits = {
		.max_output_bytes = MAX_OUTPUT, .max_steps = 10000, .max_bytes = 1 << 20
	};
	const struct expand_data expand = { .external_url = "http://pi:9090", .wall_ms = 1000 };
	struct template_error err = { 0 };
	int result;

	result = template_execute(set, "fuzz", root, &limits, (void *)&expand, out, &err);
	require(out->len <= MAX_OUTPUT);
	require(!result || (!out->len && err.text[0]));
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf out = STRBUF_INIT, again = STRBUF_INIT;
	struct template_set *set = NULL;
	struct template_error err = { 0 };
	const struct tvalue root = make_data();
	const char *text = (const char *)data;
	int result;

	require(!template_set_new(TEMPLATE_TEXT, functions(), &set));
	if (template_parse(set, "fuzz", text, size, &err)) {
		require(err.text[0] && err.offset <= size);
	} else {
		result = execute(set, &root, &out);
		require(execute(set, &root, &again) == result);
		require(again.len == out.len && !memcmp(again.s, out.s, out.len));
		if (!memmem(text, size, "{{", 2) && size <= MAX_OUTPUT)
			require(!result && out.len == size && !memcmp(out.s, text, size));
	}
	template_set_free(set);
	strbuf_release(&out);
	strbuf_release(&again);
	return 0;
}
