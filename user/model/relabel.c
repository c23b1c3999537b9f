/*
 * relabel.c - the eleven actions of relabelling.
 *
 * Lower and upper case are Unicode's simple mappings, taken from the C library's C.UTF-8 so that
 * the environment's locale does not matter; where that is missing only ASCII changes its case.
 */
#include "model/relabel.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <strings.h>
#include <wctype.h>
#include <gnutls/crypto.h>
#include "base/escape.h"
#include "model/intern.h"

#define DEFAULT_SEPARATOR   ";"
#define DEFAULT_REGEX	    "(.*)"
#define DEFAULT_REPLACEMENT "$1"

#define MD5_BYTES 16

struct relabel_rule {
	enum relabel_action action;
	char **source_labels;
	size_t n_source_labels;
	char *separator, *pattern, *target_label, *replacement;
	struct regex *regex;
	uint64_t modulus;
};

/* What an action does with `value`, the joined source labels. False: the set is dropped. */
typedef bool apply_fn(
	const struct relabel_rule *rule, struct labels_builder *b, const struct strbuf *value);

static apply_fn replace, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep,
	lowercase, uppercase;

static const struct action {
	const char *name;
	apply_fn *apply;
	bool needs_target;	/* target_label must be set ... */
	bool plain_target;	/* ... and be a label name as it stands */
	bool keeps_replacement; /* replacement means nothing and must not be set */
} actions[RELABEL_ACTIONS] = {
	[RELABEL_REPLACE] = { "replace", replace, .needs_target = true },
	[RELABEL_KEEP] = { "keep", keep },
	[RELABEL_DROP] = { "drop", drop },
	[RELABEL_KEEPEQUAL] = { "keepequal", keepequal, true, true, true },
	[RELABEL_DROPEQUAL] = { "dropequal", dropequal, true, true, true },
	[RELABEL_HASHMOD] = { "hashmod", hashmod, true, true, false },
	[RELABEL_LABELMAP] = { "labelmap", labelmap },
	[RELABEL_LABELDROP] = { "labeldrop", labeldrop },
	[RELABEL_LABELKEEP] = { "labelkeep", labelkeep },
	[RELABEL_LOWERCASE] = { "lowercase", lowercase, true, true, true },
	[RELABEL_UPPERCASE] = { "uppercase", uppercase, true, true, true },
};

/* -- making and checking --------------------------------------------------------------------- */

static bool label_name_valid(const char *name)
{
	return *name && utf8_valid(name, strlen(name));
}

/* A label name in which $1 and ${name} may stand, and no other '$', '{' or '}'. */
static bool template_valid(const char *s)
{
	size_t len;

	if (!label_name_valid(s))
		return false;
	while (*s) {
		bool variable = *s == '$', braces;

		s += variable;
		braces = variable && *s == '{';
		s += braces;
		len = strcspn(s, "${}");
		if (!len)
			return false;
		s += len;
		if (braces && *s++ != '}')
			return false;
	}
	return true;
}

struct fault {
	const char **ret_key;
	char *error;
	size_t error_size;
};

/* "text" is invalid 'key' for replace action */
static int invalid_text(
	struct fault *f, const char *key, const char *text, const struct action *action)
{
	struct strbuf shown = STRBUF_INIT;

	escape_quoted(&shown, text, strlen(text));
	snprintf(f->error, f->error_size, "\"%s\" is invalid '%s' for %s action", shown.s, key,
		action->name);
	strbuf_release(&shown);
	*f->ret_key = key;
	return -EINVAL;
}

static int find_action(struct fault *f, const struct relabel_settings *s, enum relabel_action *ret)
{
	const char *name = s->action ? s->action : "replace";

	for (size_t i = 0; i < RELABEL_ACTIONS; i++) {
		if (!strcasecmp(actions[i].name, name)) {
			*ret = (enum relabel_action)i;
			return 0;
		}
	}
	*f->ret_key = "action";
	if (*name)
		snprintf(f->error, f->error_size,
			"unknown relabel action \"%.60s\"; there are replace, keep, drop, keepequal, "
			"dropequal, hashmod, labelmap, labeldrop, labelkeep, lowercase, uppercase",
			name);
	else
		snprintf(f->error, f->error_size, "relabel action cannot be empty");
	return -EINVAL;
}

static int check_sources(struct fault *f, const struct relabel_settings *s)
{
	for (size_t i = 0; i < s->n_source_labels; i++) {
		if (!label_name_valid(s->source_labels[i])) {
			*f->ret_key = "source_labels";
			snprintf(f->error, f->error_size, "\"%.100s\" is not a valid label name",
				s->source_labels[i]);
			return -EINVAL;
		}
	}
	return 0;
}

static bool sets_replacement(const struct relabel_settings *s)
{
	return s->replacement && !streq(s->replacement, DEFAULT_REPLACEMENT);
}

/* Of the actions that look at few settings, the others must not be set. */
static int check_unused(
	struct fault *f, const struct relabel_settings *s, enum relabel_action action)
{
	bool other = s->modulus || (s->separator && !streq(s->separator, DEFAULT_SEPARATOR)) ||
		     sets_replacement(s);

	*f->ret_key = "action";
	if ((action == RELABEL_KEEPEQUAL || action == RELABEL_DROPEQUAL) && (other || s->regex)) {
		snprintf(f->error, f->error_size,
			"%s action requires only 'source_labels' and `target_label`, and no other "
			"fields",
			actions[action].name);
		return -EINVAL;
	}
	if ((action == RELABEL_LABELDROP || action == RELABEL_LABELKEEP) &&
		(other || s->source_labels || (s->target_label && *s->target_label))) {
		snprintf(f->error, f->error_size,
			"%s action requires only 'regex', and no other fields",
			actions[action].name);
		return -EINVAL;
	}
	return 0;
}

static int check(struct fault *f, const struct relabel_settings *s, enum relabel_action action)
{
	const struct action *a = &actions[action];
	const char *target = s->target_label ? s->target_label : "";
	const char *replacement = s->replacement ? s->replacement : DEFAULT_REPLACEMENT;

	if (action == RELABEL_HASHMOD && !s->modulus) {
		*f->ret_key = "modulus";
		snprintf(f->error, f->error_size,
			"relabel configuration for hashmod requires non-zero modulus");
		return -EINVAL;
	}
	if (a->needs_target && !*target) {
		*f->ret_key = "action";
		snprintf(f->error, f->error_size,
			"relabel configuration for %s action requires 'target_label' value",
			a->name);
		return -EINVAL;
	}
	if (action == RELABEL_REPLACE &&
		!(strchr(target, '$') ? template_valid(target) : label_name_valid(target)))
		return invalid_text(f, "target_label", target, a);
	if (a->plain_target && !label_name_valid(target))
		return invalid_text(f, "target_label", target, a);
	if (a->keeps_replacement && sets_replacement(s)) {
		*f->ret_key = "replacement";
		snprintf(f->error, f->error_size, "'replacement' can not be set for %s action",
			a->name);
		return -EINVAL;
	}
	if (action == RELABEL_LABELMAP && !template_valid(replacement))
		return invalid_text(f, "replacement", replacement, a);
	return check_unused(f, s, action);
}

static bool copy(const char *text, const char *otherwise, char **ret)
{
	*ret = strdup(text ? text : otherwise);
	return *ret;
}

static int fill(struct relabel_rule *rule, const struct relabel_settings *s)
{
	rule->modulus = s->modulus;
	rule->source_labels = calloc(s->n_source_labels + 1, sizeof(*rule->source_labels));
	if (!rule->source_labels || !copy(s->separator, DEFAULT_SEPARATOR, &rule->separator) ||
		!copy(s->regex, DEFAULT_REGEX, &rule->pattern) ||
		!copy(s->target_label, "", &rule->target_label) ||
		!copy(s->replacement, DEFAULT_REPLACEMENT, &rule->replacement))
		return -ENOMEM;
	for (; rule->n_source_labels < s->n_source_labels; rule->n_source_labels++) {
		size_t i = rule->n_source_labels;

		if (!copy(s->source_labels[i], "", &rule->source_labels[i]))
			return -ENOMEM;
	}
	return 0;
}

int relabel_rule_new(const struct relabel_settings *settings, struct relabel_rule **ret,
	const char **ret_key, char *error, size_t error_size)
{
	struct fault f = { .ret_key = ret_key, .error = error, .error_size = error_size };
	scoped(relabel_rule_freep) struct relabel_rule *rule = calloc(1, sizeof(*rule));
	char why[160];
	int err;

	if (!rule)
		return -ENOMEM;
	err = find_action(&f, settings, &rule->action);
	if (!err)
		err = check_sources(&f, settings);
	if (!err)
		err = check(&f, settings, rule->action);
	if (!err)
		err = fill(rule, settings);
	if (err)
		return err;
	err = regex_new(rule->pattern, &rule->regex, why, sizeof(why));
	if (err == -EINVAL) {
		*ret_key = "regex";
		snprintf(error, error_size, "error parsing regexp: %s: `%.100s`", why,
			rule->pattern);
	}
	if (err)
		return err;
	*ret = TAKE(rule);
	return 0;
}

void relabel_rule_free(struct relabel_rule *rule)
{
	if (!rule)
		return;
	for (size_t i = 0; i < rule->n_source_labels; i++)
		free(rule->source_labels[i]);
	free(rule->source_labels);
	free(rule->separator);
	free(rule->pattern);
	free(rule->target_label);
	free(rule->replacement);
	regex_free(rule->regex);
	free(rule);
}

static bool rule_equal(const struct relabel_rule *a, const struct relabel_rule *b)
{
	if (a->action != b->action || a->n_source_labels != b->n_source_labels ||
		a->modulus != b->modulus || !streq(a->separator, b->separator) ||
		!streq(a->pattern, b->pattern) || !streq(a->target_label, b->target_label) ||
		!streq(a->replacement, b->replacement))
		return false;
	for (size_t i = 0; i < a->n_source_labels; i++) {
		if (!streq(a->source_labels[i], b->source_labels[i]))
			return false;
	}
	return true;
}

bool relabel_rules_equal(
	struct relabel_rule *const *a, size_t n_a, struct relabel_rule *const *b, size_t n_b)
{
	bool equal = n_a == n_b;

	for (size_t i = 0; equal && i < n_a; i++)
		equal = rule_equal(a[i], b[i]);
	return equal;
}

/* -- applying -------------------------------------------------------------------------------- */

static const char *get(const struct labels_builder *b, const char *name)
{
	const char *value = labels_builder_get(b, name);

	return value ? value : "";
}

/* Sets a label to what was built, unless that failed. */
static void set(struct labels_builder *b, const char *name, const struct strbuf *value)
{
	if (value->err)
		b->err = value->err;
	else
		labels_builder_setn(b, name, strlen(name), value->s, value->len);
}

static bool replace(
	const struct relabel_rule *rule, struct labels_builder *b, const struct strbuf *value)
{
	struct strbuf target = STRBUF_INIT, text = STRBUF_INIT;

	if (regex_expand(rule->regex, value->s, value->len, rule->replacement, &text)) {
		regex_expand(rule->regex, value->s, value->len, rule->target_label, &target);
		if (target.err)
			b->err = target.err;
		else if (label_name_valid(target.s))
			set(b, target.s, &text);
	}
	strbuf_release(&target);
	strbuf_release(&text);
	return true;
}

static bool keep(
	const struct relabel_rule *rule, struct labels_builder *b, const struct strbuf *value)
{
	return regex_matches(rule->regex, value->s, value->len);
}

static bool drop(
	const struct relabel_rule *rule, struct labels_builder *b, const struct strbuf *value)
{
	return !regex_matches(rule->regex, value->s, value->len);
}

static bool keepequal(
	const struct relabel_rule *rule, struct labels_builder *b, const struct strbuf *value)
{
	return streq(get(b, rule->target_label), value->s);
}

static bool dropequal(
	const struct relabel_rule *rule, struct labels_builder *b, const struct strbuf *value)
{
	return !streq(get(b, rule->target_label), value->s);
}

/* The remainder of the last 8 bytes of the MD5, big endian: what Prometheus has always taken. */
static bool hashmod(
	const struct relabel_rule *rule, struct labels_builder *b, const struct strbuf *value)
{
	unsigned char digest[MD5_BYTES];
	char text[24];
	uint64_t sum = 0;

	/* Fails where the machine forbids MD5 (FIPS 140): a wrong shard would be worse than none. */
	if (gnutls_hash_fast(GNUTLS_DIG_MD5, value->s, value->len, digest) < 0) {
		b->err = -ENOTSUP;
		return true;
	}
	for (size_t i = MD5_BYTES - 8; i < MD5_BYTES; i++)
		sum = sum << 8 | digest[i];
	snprintf(text, sizeof(text), "%" PRIu64, sum % rule->modulus);
	labels_builder_set(b, rule->target_label, text);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

/* What the action adds is not mapped again, and of two that map to one name the later wins. */
static bool labelmap(
	const struct relabel_rule *rule, struct labels_builder *b, const struct strbuf *value)
{
	scoped(freep) struct label *old = calloc(b->n + 1, sizeof(*old));
	struct strbuf name = STRBUF_INIT;
	size_t n = b->n;

	if (!old) {
		b->err = -ENOMEM;
		return true;
	}
	for (size_t i = 0; i < n; i++) {
		old[i].name = intern_ref(b->v[i].name);
		old[i].value = intern_ref(b->v[i].value);
	}
	qsort(old, n, sizeof(*old), by_name);
	for (size_t i = 0; i < n; i++) {
		strbuf_reset(&name);
		if (regex_expand(rule->regex, old[i].name, strlen(old[i].name), rule->replacement,
			    &name) &&
			label_name_valid(name.s))
			labels_builder_set(b, name.s, old[i].value);
		b->err = name.err ? name.err : b->err;
		intern_unref(old[i].name);
		intern_unref(old[i].value);
	}
	strbuf_release(&name);
	return true;
}

static void delete_names(const struct relabel_rule *rule, struct labels_builder *b, bool matching)
{
	for (size_t i = b->n; i--;) {
		const char *name = b->v[i].name;

		if (regex_matches(rule->regex, name, strlen(name)) == matching)
			labels_builder_del(b, name);
	}
}

static bool labeldrop(
	const struct relabel_rule *rule, struct labels_builder *b, const struct strbuf *value)
{
	delete_names(rule, b, true);
	return true;
}

static bool labelkeep(
	const struct relabel_rule *rule, struct labels_builder *b, const struct strbuf *value)
{
	delete_names(rule, b, false);
	return true;
}

static locale_t unicode(void)
{
	static locale_t locale;

	if (!locale)
		locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (!locale)
		locale = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
	return locale;
}

static void set_case(const struct relabel_rule *rule, struct labels_builder *b,
	const struct strbuf *value, wint_t (*map)(wint_t, locale_t))
{
	struct strbuf out = STRBUF_INIT;
	locale_t locale = unicode();
	uint32_t rune;
	size_t len;

	if (!locale) {
		b->err = -ENOMEM;
		return;
	}
	for (const char *s = value->s, *end = s + value->len; s < end; s += len) {
		len = utf8_decode(s, (size_t)(end - s), &rune);
		utf8_encode(&out, len ? (uint32_t)map(rune, locale) : 0xfffd);
		len = MAX(len, (size_t)1);
	}
	set(b, rule->target_label, &out);
	strbuf_release(&out);
}

static bool lowercase(
	const struct relabel_rule *rule, struct labels_builder *b, const struct strbuf *value)
{
	set_case(rule, b, value, towlower_l);
	return true;
}

static bool uppercase(
	const struct relabel_rule *rule, struct labels_builder *b, const struct strbuf *value)
{
	set_case(rule, b, value, towupper_l);
	return true;
}

bool relabel_apply(struct relabel_rule *const *rules, size_t n, struct labels_builder *labels)
{
	struct strbuf value = STRBUF_INIT;
	bool kept = true;

	for (size_t i = 0; kept && i < n && !labels->err; i++) {
		const struct relabel_rule *rule = rules[i];

		strbuf_reset(&value);
		for (size_t k = 0; k < rule->n_source_labels; k++) {
			strbuf_adds(&value, k ? rule->separator : "");
			strbuf_adds(&value, get(labels, rule->source_labels[k]));
		}
		if (value.err)
			labels->err = value.err;
		else
			kept = actions[rule->action].apply(rule, labels, &value);
	}
	strbuf_release(&value);
	return kept;
}
