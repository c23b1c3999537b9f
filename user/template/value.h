/*
 * value.h - what a template works on: Go's values, as far as templates can tell them apart.
 *
 * Values are borrowed from an arena or from their maker and live as long as one execution. Objects
 * have fields and methods looked up by name; maps print and range in the order of their keys.
 */
#ifndef TOLLD_TEMPLATE_VALUE_H
#define TOLLD_TEMPLATE_VALUE_H

#include "base/arena.h"
#include "base/strbuf.h"

enum tvalue_type {
	TVALUE_NIL,
	TVALUE_BOOL,
	TVALUE_INT,
	TVALUE_FLOAT,
	TVALUE_STRING,
	TVALUE_SAFE,	 /* a string that HTML escaping leaves alone: html/template.HTML */
	TVALUE_SAFE_URL, /* one that may be any URL: html/template.URL */
	TVALUE_LIST,
	TVALUE_MAP, /* string keys */
	TVALUE_OBJECT,
	/*
	 * A map's missing key, where its elements are not strings: Go's nil interface. A field of it is
	 * an error. What a pipeline ends with is NIL instead, and a field of that is NIL again.
	 */
	TVALUE_NO_VALUE,
};

struct tvalue;
struct template_call;

struct tvalue_pair {
	const char *key;
	const struct tvalue *value;
};

/*
 * What an object can do. Every function may be NULL. A list or map may have one, too: of it name, get
 * and print count, self is the struct tvalue itself, and where get finds nothing a map has its keys.
 */
struct tvalue_class {
	const char *name;
	/*
	 * A field, or a method called with n arguments. 0; -ENOENT: there is none of that name;
	 * -EINVAL with the call's error set.
	 */
	int (*get)(struct template_call *call, const void *self, const char *name,
		const struct tvalue *args, size_t n, struct tvalue *ret);
	/* How {{.}} prints it; NULL: {} */
	void (*print)(const void *self, struct strbuf *out);
	/* For range, len and index, where the object is a list in addition. */
	size_t (*len)(const void *self);
	void (*item)(struct template_call *call, const void *self, size_t i, struct tvalue *ret);
	/* Whether it counts as true in {{if}}; NULL: always, or by len where there is one. */
	bool (*truth)(const void *self);
	/* As encoding/json writes an object, by tvalue_json_at() for what is in it; NULL: null. */
	int (*json)(const void *self, struct strbuf *out, unsigned depth);
	/* It has a method String: a script in HTML is given what print says, and not its JSON. */
	bool stringer;
};

struct tvalue {
	enum tvalue_type type;
	union {
		bool b;
		int64_t i;
		double f;
		struct {
			const char *s;
			size_t len;
		} str;
		struct {
			const struct tvalue *items;
			size_t n;
			const struct tvalue_class *class; /* methods and print, or NULL */
		} list;
		struct {
			const struct tvalue_pair *pairs; /* sorted by key */
			size_t n;
			bool of_strings; /* a missing key is "" */
			/* A struct: in its own order, and a missing field is an error. Its type's name. */
			const char *struct_type;
			const struct tvalue_class *class; /* methods and print, or NULL */
		} map;
		struct {
			const struct tvalue_class *class;
			const void *self;
		} object;
	};
};

/* One call under way: where results are made, and how it fails. */
struct template_call {
	struct arena *arena;
	void *userdata; /* as template_execute() was given it */
	char *error;
	size_t error_size;
};

int template_call_fail(struct template_call *call, const char *fmt, ...) PRINTF_LIKE(2, 3);

static inline struct tvalue tvalue_string(const char *s, size_t len)
{
	return (struct tvalue){ .type = TVALUE_STRING, .str = { s, len } };
}

static inline struct tvalue tvalue_int(int64_t i)
{
	return (struct tvalue){ .type = TVALUE_INT, .i = i };
}

static inline struct tvalue tvalue_float(double f)
{
	return (struct tvalue){ .type = TVALUE_FLOAT, .f = f };
}

static inline struct tvalue tvalue_bool(bool b)
{
	return (struct tvalue){ .type = TVALUE_BOOL, .b = b };
}

static inline bool tvalue_is_text(const struct tvalue *v)
{
	return v->type == TVALUE_STRING || v->type == TVALUE_SAFE || v->type == TVALUE_SAFE_URL;
}

/* As Go's fmt prints it with %v. */
void tvalue_print(const struct tvalue *value, struct strbuf *out);
bool tvalue_truth(const struct tvalue *value);

/*
 * json.c: adds any value as JSON, as Go's encoding/json writes it. -EDOM: a number that JSON has not;
 * -ELOOP: nested too deep. A failure of out is returned, too, and stays there.
 */
int tvalue_json(const struct tvalue *value, struct strbuf *out);
/* The same within an object at this depth. */
int tvalue_json_at(const struct tvalue *value, struct strbuf *out, unsigned depth);

#endif
