/*
 * value.c - what Go's fmt and text/template make of a value: its text, its truth, its type's name.
 */
#include "base/num.h"
#include "template/node.h"

#include <inttypes.h>

/* A list in a list in a list: data is ours, but nothing here may recurse without an end. */
#define MAX_NESTING 20

const char *tvalue_type_name(const struct tvalue *value)
{
	switch (value->type) {
	case TVALUE_NIL:
		return "nil";
	case TVALUE_BOOL:
		return "bool";
	case TVALUE_INT:
		return "int";
	case TVALUE_FLOAT:
		return "float64";
	case TVALUE_STRING:
		return "string";
	case TVALUE_SAFE:
		return "template.HTML";
	case TVALUE_SAFE_URL:
		return "template.URL";
	case TVALUE_LIST:
		return value->list.class ? value->list.class->name : "[]interface {}";
	case TVALUE_MAP:
		if (value->map.class)
			return value->map.class->name;
		if (value->map.struct_type)
			return value->map.struct_type;
		return value->map.of_strings ? "map[string]string" : "map[string]interface {}";
	case TVALUE_OBJECT:
		return value->object.class->name;
	case TVALUE_NO_VALUE:
		return "nil";
	}
	return "?";
}

static void print(const struct tvalue *value, struct strbuf *out, unsigned depth);

static void print_list(const struct tvalue *value, struct strbuf *out, unsigned depth)
{
	if (value->list.class && value->list.class->print) {
		value->list.class->print(value, out);
		return;
	}
	strbuf_addch(out, '[');
	for (size_t i = 0; i < value->list.n; i++) {
		if (i)
			strbuf_addch(out, ' ');
		print(&value->list.items[i], out, depth + 1);
	}
	strbuf_addch(out, ']');
}

static void print_map(const struct tvalue *value, struct strbuf *out, unsigned depth)
{
	if (value->map.class && value->map.class->print) {
		value->map.class->print(value, out);
		return;
	}
	strbuf_adds(out, value->map.struct_type ? "{" : "map[");
	for (size_t i = 0; i < value->map.n; i++) {
		if (i)
			strbuf_addch(out, ' ');
		if (!value->map.struct_type) {
			strbuf_adds(out, value->map.pairs[i].key);
			strbuf_addch(out, ':');
		}
		print(value->map.pairs[i].value, out, depth + 1);
	}
	strbuf_addch(out, value->map.struct_type ? '}' : ']');
}

static void print(const struct tvalue *value, struct strbuf *out, unsigned depth)
{
	char number[NUM_MAX];

	if (depth > MAX_NESTING) {
		strbuf_adds(out, "...");
		return;
	}
	switch (value->type) {
	case TVALUE_NIL:
	case TVALUE_NO_VALUE:
		strbuf_adds(out, "<nil>");
		break;
	case TVALUE_BOOL:
		strbuf_adds(out, value->b ? "true" : "false");
		break;
	case TVALUE_INT:
		strbuf_addf(out, "%" PRId64, value->i);
		break;
	case TVALUE_FLOAT:
		num_format_go(number, value->f);
		strbuf_adds(out, number);
		break;
	case TVALUE_STRING:
	case TVALUE_SAFE:
	case TVALUE_SAFE_URL:
		strbuf_add(out, value->str.s, value->str.len);
		break;
	case TVALUE_LIST:
		print_list(value, out, depth);
		break;
	case TVALUE_MAP:
		print_map(value, out, depth);
		break;
	case TVALUE_OBJECT:
		if (value->object.class->print)
			value->object.class->print(value->object.self, out);
		else
			strbuf_adds(out, "{}");
		break;
	}
}

void tvalue_print(const struct tvalue *value, struct strbuf *out)
{
	print(value, out, 0);
}

bool tvalue_truth(const struct tvalue *value)
{
	switch (value->type) {
	case TVALUE_NIL:
	case TVALUE_NO_VALUE:
		return false;
	case TVALUE_BOOL:
		return value->b;
	case TVALUE_INT:
		return value->i != 0;
	case TVALUE_FLOAT:
		return value->f != 0;
	case TVALUE_STRING:
	case TVALUE_SAFE:
	case TVALUE_SAFE_URL:
		return value->str.len > 0;
	case TVALUE_LIST:
		return value->list.n > 0;
	case TVALUE_MAP:
		return value->map.n > 0 || value->map.struct_type;
	case TVALUE_OBJECT:
		if (value->object.class->truth)
			return value->object.class->truth(value->object.self);
		return !value->object.class->len ||
		       value->object.class->len(value->object.self) > 0;
	}
	return false;
}
