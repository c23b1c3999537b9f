/*
 * matcher_parser.h - matchers as people write them for Alertmanager: {severity="page", team!~"a|b"}.
 *
 * There are two syntaxes. The classic one takes names of [a-zA-Z_:][a-zA-Z0-9_:]*, values with or
 * without quotes, even none at all, and the escapes \" \n \\ only. The UTF-8 one takes any name,
 * in quotes where it must, wants values in quotes where they hold white space or one of
 * {}!=~,\"'` and reads Go's escapes. By default both are asked, as Alertmanager does: where only one
 * takes the text, that one counts, and where they differ, the classic one.
 *
 * Sources: alertmanager pkg/labels/parse.go, matcher/parse, matcher/compat.
 */
#ifndef TOLLD_MODEL_MATCHER_PARSER_H
#define TOLLD_MODEL_MATCHER_PARSER_H

#include "model/matcher.h"

enum matcher_syntax { MATCHERS_FALLBACK, MATCHERS_CLASSIC, MATCHERS_UTF8 };

/* The syntax of settings and of the API: chosen once, by a flag, before any settings are read. */
void matcher_syntax_use(enum matcher_syntax syntax);
enum matcher_syntax matcher_syntax_in_use(void);
/* Whether a label may be called so: [a-zA-Z_][a-zA-Z0-9_]* in the classic syntax, else anything. */
bool matcher_syntax_takes_name(const char *name);

struct matcher_list {
	struct matcher **v;
	size_t n, cap;
};

#define MATCHER_LIST_INIT ((struct matcher_list){ 0 })
/* Room that holds most error texts whole; longer ones are cut off. */
#define MATCHER_MAX_ERROR 256

void matcher_list_release(struct matcher_list *list);
/* Takes the matcher, also on failure. 0 or -ENOMEM. */
int matcher_list_add(struct matcher_list *list, struct matcher *matcher);
/* By name, then value, then type: the order in which Alertmanager prints those of a route. */
void matcher_list_sort(struct matcher_list *list);
/* Whether all match; an empty list does. */
bool matcher_list_match(const struct matcher_list *list, const struct labels *labels);
/* The same matchers in the same order. */
bool matcher_list_equal(const struct matcher_list *a, const struct matcher_list *b);

/*
 * Reads zero or more matchers, with or without braces around them, and adds them to the list. On
 * -EINVAL error[] says what is wrong and the list is as it was; -ENOMEM.
 */
int matcher_list_parse(enum matcher_syntax syntax, const char *text, struct matcher_list *ret,
	char *error, size_t error_size);
/* Reads exactly one, without braces. The same errors. */
int matcher_parse(enum matcher_syntax syntax, const char *text, struct matcher **ret, char *error,
	size_t error_size);

/*
 * As Alertmanager prints it, in keys of groups, too: name="value" with the classic escapes; where
 * the name needs quotes, both with Go's.
 */
void matcher_print(const struct matcher *matcher, struct strbuf *out);
/* {a="1",b=~"2"} */
void matcher_list_print(const struct matcher_list *list, struct strbuf *out);

#endif
