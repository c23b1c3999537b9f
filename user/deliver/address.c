/*
 * address.c - lists of mail addresses.
 *
 * A recursive descent over RFC 5322 3.4 with comments skipped and their depth bounded.
 */
#include "deliver/address.h"

#include <errno.h>
#include <stdio.h>
#include "base/escape.h"
#include "base/strbuf.h"

#define COMMENT_DEPTH_MAX 8

struct reader {
	const char *p;
	const char *end;
	const char *fault;
};

/* Remembers the first fault only: the later ones follow from it. */
static int fault(struct reader *r, const char *text)
{
	if (!r->fault)
		r->fault = text;
	return -EINVAL;
}

static bool at(const struct reader *r, char c)
{
	return r->p < r->end && *r->p == c;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* RFC 5322 atext; bytes of UTF-8 count only where `wide` allows them (RFC 6532). */
static bool is_atext(char c, bool wide)
{
	unsigned char u = (unsigned char)c;

	if (u >= 0x80)
		return wide;
	return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') ||
	       (u && strchr("!#$%&'*+-/=?^_`{|}~", u));
}

static int skip_comment(struct reader *r)
{
	unsigned depth = 0;

	do {
		if (r->p == r->end)
			return fault(r, "a comment is not closed: ')' is missing");
		if (*r->p == '(' && ++depth > COMMENT_DEPTH_MAX)
			return fault(r, "comments are nested too deeply");
		if (*r->p == ')')
			depth--;
		if (*r->p == '\\' && r->p + 1 < r->end)
			r->p++;
		r->p++;
	} while (depth);
	return 0;
}

static int skip_space(struct reader *r)
{
	while (r->p < r->end) {
		if (is_space(*r->p))
			r->p++;
		else if (*r->p != '(')
			break;
		else if (skip_comment(r))
			return -EINVAL;
	}
	return 0;
}

/* A quoted string, its quotes and escapes taken off. */
static int read_quoted(struct reader *r, struct strbuf *out)
{
	for (r->p++; !at(r, '"'); r->p++) {
		if (at(r, '\\'))
			r->p++;
		if (r->p >= r->end)
			return fault(r, "a quoted name is not closed: '\"' is missing");
		if ((unsigned char)*r->p < ' ' || *r->p == 0x7f)
			return fault(r, "a quoted name holds a control character");
		strbuf_addch(out, *r->p);
	}
	r->p++;
	return 0;
}

/* A quoted local part keeps its quotes, and escapes only what must be. */
static int read_quoted_local(struct reader *r, struct strbuf *out)
{
	struct strbuf plain = STRBUF_INIT;
	int err = read_quoted(r, &plain);

	if (!err) {
		strbuf_addch(out, '"');
		for (size_t i = 0; i < plain.len; i++) {
			if ((unsigned char)plain.s[i] >= 0x80)
				err = fault(r, "an address outside ASCII is not served");
			if (plain.s[i] == '"' || plain.s[i] == '\\')
				strbuf_addch(out, '\\');
			strbuf_addch(out, plain.s[i]);
		}
		strbuf_addch(out, '"');
		err = err ? err : plain.err;
	}
	strbuf_release(&plain);
	return err;
}

static int read_dot_atom(struct reader *r, struct strbuf *out, const char *missing)
{
	for (;;) {
		const char *start = r->p;

		while (r->p < r->end && is_atext(*r->p, false))
			r->p++;
		if (r->p < r->end && (unsigned char)*r->p >= 0x80)
			return fault(r, "an address outside ASCII is not served");
		if (r->p == start)
			return fault(r, missing);
		strbuf_add(out, start, (size_t)(r->p - start));
		if (!at(r, '.'))
			return 0;
		strbuf_addch(out, *r->p++);
	}
}

static int read_domain_literal(struct reader *r, struct strbuf *out)
{
	do {
		if (r->p == r->end || *r->p <= ' ' || *r->p == 0x7f)
			return fault(r, "the domain in '[' is not closed: ']' is missing");
		strbuf_addch(out, *r->p);
	} while (*r->p++ != ']');
	return 0;
}

static int read_spec(struct reader *r, struct strbuf *out)
{
	int err;

	if (at(r, '"'))
		err = read_quoted_local(r, out);
	else
		err = read_dot_atom(r, out, "the part before '@' is missing or broken");
	if (err)
		return err;
	if (out->len > ADDRESS_LOCAL_BYTES)
		return fault(r, "the part before '@' is longer than 64 bytes");
	if (!at(r, '@'))
		return fault(r, "'@' is missing");
	strbuf_addch(out, *r->p++);
	err = at(r, '[') ? read_domain_literal(r, out)
			 : read_dot_atom(r, out, "the part after '@' is missing or broken");
	if (!err && out->len > ADDRESS_MAX_BYTES)
		err = fault(r, "the address is longer than 254 bytes");
	return err ? err : out->err;
}

/* The words before '<', joined by single spaces. */
static int read_phrase(struct reader *r, struct strbuf *out)
{
	int err;

	while (!at(r, '<')) {
		const char *start = r->p;

		if (out->len)
			strbuf_addch(out, ' ');
		if (at(r, '"')) {
			err = read_quoted(r, out);
			if (err)
				return err;
		} else {
			while (r->p < r->end && (is_atext(*r->p, true) || *r->p == '.'))
				r->p++;
			if (r->p == start)
				return fault(r, "an address is missing");
			strbuf_add(out, start, (size_t)(r->p - start));
		}
		if (skip_space(r))
			return -EINVAL;
	}
	return out->err;
}

/* Looks ahead: is this `name <address>`, or a bare address? */
static bool has_phrase(const struct reader *r)
{
	struct reader ahead = *r;
	struct strbuf sink = STRBUF_INIT;
	bool found = !read_phrase(&ahead, &sink);

	strbuf_release(&sink);
	return found;
}

static int read_address(struct reader *r, struct strbuf *name, struct strbuf *spec)
{
	int err;

	err = skip_space(r);
	if (err)
		return err;
	if (r->p == r->end || *r->p == ',')
		return fault(r, "an address is missing");
	if (!has_phrase(r)) {
		err = read_spec(r, spec);
		return err ? err : skip_space(r);
	}
	err = read_phrase(r, name);
	if (err)
		return err;
	r->p++;
	err = skip_space(r);
	if (!err)
		err = read_spec(r, spec);
	if (!err)
		err = skip_space(r);
	if (err)
		return err;
	if (!at(r, '>'))
		return fault(r, "'>' is missing");
	r->p++;
	return skip_space(r);
}

static int read_item(struct reader *r, struct address_list *list)
{
	struct strbuf name = STRBUF_INIT, spec = STRBUF_INIT;
	struct address address = { 0 };
	int err;

	err = read_address(r, &name, &spec);
	if (!err && !vec_reserve(list->items, list->n, list->cap))
		err = -ENOMEM;
	if (!err)
		err = strbuf_finish(&name, &address.name);
	if (!err)
		err = strbuf_finish(&spec, &address.spec);
	if (!err)
		list->items[list->n++] = address;
	else
		free(address.name);
	strbuf_release(&name);
	strbuf_release(&spec);
	return err;
}

static int read_list(struct reader *r, struct address_list *list)
{
	int err;

	if (!utf8_valid(r->p, (size_t)(r->end - r->p)))
		return fault(r, "not UTF-8");
	for (;;) {
		if (list->n == ADDRESS_LIST_MAX)
			return fault(r, "more than 100 addresses");
		err = read_item(r, list);
		if (err)
			return err;
		if (r->p == r->end)
			return 0;
		if (!at(r, ','))
			return fault(r, "',' is missing between two addresses");
		r->p++;
	}
}

int address_list_parse(const char *text, struct address_list *ret, char *error, size_t error_size)
{
	struct reader r = { .p = text, .end = text + strlen(text) };
	struct address_list list = ADDRESS_LIST_INIT;
	int err;

	err = read_list(&r, &list);
	if (err) {
		address_list_release(&list);
		if (err == -EINVAL)
			snprintf(error, error_size, "%s (at column %zu)", r.fault,
				(size_t)(r.p - text) + 1);
		return err;
	}
	*ret = list;
	return 0;
}

void address_list_release(struct address_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->items[i].name);
		free(list->items[i].spec);
	}
	free(list->items);
	*list = ADDRESS_LIST_INIT;
}
