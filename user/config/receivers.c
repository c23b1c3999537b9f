/*
 * receivers.c - who is told: receivers, their email_configs and maildir_configs.
 *
 * Source: alertmanager config/config.go and config/notifiers.go.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/num.h"
#include "config/address.h"
#include "config/http.h"
#include "config/integrations.h"
#include "model/duration.h"

#define GMAIL "smtp.gmail.com"

#define MAX_BUDGET    1000000
#define MIN_BUDGET_MS (60 * 1000)
#define MAX_BUDGET_MS (366ll * 24 * 3600 * 1000)

struct receiver_read {
	struct config_receiver receiver;
	struct reader_receiver more;
};

static void read_emails(struct reader *r, const struct tree_pair *pair, void *out);
static void read_maildirs(struct reader *r, const struct tree_pair *pair, void *out);
static void read_budget(struct reader *r, const struct tree_pair *pair, void *out);
static void read_mode(struct reader *r, const struct tree_pair *pair, void *out);
static void read_email_tls(struct reader *r, const struct tree_pair *pair, void *out);
static void read_email_oauth2(struct reader *r, const struct tree_pair *pair, void *out);
static void read_threading(struct reader *r, const struct tree_pair *pair, void *out);

static const struct schema_key receiver_keys[] = {
	SERVED("name", S_TEXT, struct receiver_read, receiver.name),
	SERVED("labels", S_PAIRS, struct receiver_read, receiver.labels),
	CUSTOM("email_configs", read_emails),
	CUSTOM("maildir_configs", read_maildirs),
	CUSTOM("budget", read_budget),
};
static const struct schema receiver_schema =
	SCHEMA("receivers", receiver_keys, &integrations_schema);

/* An email_config and the values for which "not set" differs from all that can be set. */
struct email_read {
	struct config_email c;
	int require_tls;
};

struct threading_read {
	bool enabled;
	struct config_text by_date;
};

#define T struct threading_read
static const struct schema_key threading_keys[] = {
	SERVED("enabled", S_BOOL, T, enabled),
	SERVED("thread_by_date", S_TEXT, T, by_date),
};
#undef T
static const struct schema threading_schema = SCHEMA("threading", threading_keys, NULL);

#define E struct email_read
static const struct schema_key email_keys[] = {
	SERVED("send_resolved", S_BOOL, E, c.send_resolved),
	SERVED("to", S_TEXT, E, c.to),
	SERVED("from", S_TEXT, E, c.from),
	SERVED("hello", S_TEXT, E, c.hello),
	SERVED("smarthost", S_TEXT, E, c.smarthost),
	SERVED("auth_username", S_TEXT, E, c.auth_username),
	SERVED("auth_password", S_SECRET, E, c.auth_password.value),
	SERVED("auth_password_file", S_TEXT, E, c.auth_password.file),
	SERVED("auth_identity", S_TEXT, E, c.auth_identity),
	SERVED("headers", S_PAIRS, E, c.headers),
	SERVED("html", S_TEXT, E, c.html),
	SERVED("text", S_TEXT, E, c.text),
	SERVED("require_tls", S_TRISTATE, E, require_tls),
	SERVED("force_implicit_tls", S_TRISTATE, E, c.force_implicit_tls),
	CUSTOM("tls_config", read_email_tls),
	SERVED("auth_secret", S_SECRET, E, c.auth_secret.value),
	SERVED("auth_secret_file", S_TEXT, E, c.auth_secret.file),
	CUSTOM("oauth2", read_email_oauth2),
	CUSTOM("threading", read_threading),
};
#undef E
static const struct schema email_schema = SCHEMA("email_configs", email_keys, NULL);

#define M struct config_maildir
static const struct schema_key maildir_keys[] = {
	SERVED("send_resolved", S_BOOL, M, email.send_resolved),
	SERVED("path", S_TEXT, M, path),
	CUSTOM("mode", read_mode),
	SERVED("to", S_TEXT, M, email.to),
	SERVED("from", S_TEXT, M, email.from),
	SERVED("headers", S_PAIRS, M, email.headers),
	SERVED("html", S_TEXT, M, email.html),
	SERVED("text", S_TEXT, M, email.text),
};
#undef M
static const struct schema maildir_schema = SCHEMA("maildir_configs", maildir_keys, NULL);

static void read_email_tls(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_tls(r, pair, &((struct email_read *)out)->c.tls);
}

static void read_email_oauth2(struct reader *r, const struct tree_pair *pair, void *out)
{
	config_read_mail_oauth2(r, pair, &((struct email_read *)out)->c.oauth2);
}

/* As Alertmanager reads it: its text calls daily the default, and its code wants it to be written. */
static void read_threading(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_email *c = &((struct email_read *)out)->c;
	struct threading_read threading = { 0 };
	const char *by_date;

	if (pair->value->null)
		return;
	schema_read(r, &threading_schema, pair->value, &threading);
	by_date = threading.by_date.s ? threading.by_date.s : "";
	c->threading = THREAD_NOT;
	if (!threading.enabled)
		return;
	if (!streq(by_date, "none") && !streq(by_date, "daily"))
		diag_error(r->diag, threading.by_date.s ? threading.by_date.pos : pair->value->pos,
			"threading.thread_by_date must be either 'none' or 'daily'");
	c->threading = streq(by_date, "none") ? THREAD_BY_GROUP : THREAD_BY_DAY;
}

static void inherit(struct config_text *text, const struct config_text *from)
{
	if (!text_set(text))
		*text = *from;
}

/* A secret and its file belong together: a local one of either kind puts both global ones away. */
static void inherit_secret(struct reader *r, struct config_secret *secret,
	const struct config_secret *from, const char *key)
{
	if (!text_set(&secret->value) && !text_set(&secret->file))
		*secret = *from;
	if (!text_set(&secret->value))
		secret->value = (struct config_text){ 0 };
	if (!text_set(&secret->file))
		secret->file = (struct config_text){ 0 };
	if (secret->value.s && secret->file.s) {
		diag_warning(r->diag, secret->file.pos,
			"%s and %s_file are both set: the file wins", key, key);
		secret->value = (struct config_text){ 0 };
	}
	if (secret->file.s && effective_access(secret->file.s, R_OK))
		diag_warning(r->diag, secret->file.pos,
			"cannot read '%s' now: %s; it is read "
			"anew for each mail",
			secret->file.s, strerror(errno));
}

static void inherit_global(struct reader *r, struct email_read *email)
{
	const struct config_global *g = &r->global.c;
	struct config_email *c = &email->c;

	inherit(&c->from, &g->smtp_from);
	inherit(&c->smarthost, &g->smtp_smarthost);
	inherit(&c->hello, &g->smtp_hello);
	inherit(&c->auth_username, &g->smtp_auth_username);
	inherit(&c->auth_identity, &g->smtp_auth_identity);
	inherit_secret(r, &c->auth_password, &g->smtp_auth_password, "auth_password");
	inherit_secret(r, &c->auth_secret, &g->smtp_auth_secret, "auth_secret");
	if (!c->oauth2.set)
		c->oauth2 = g->smtp_oauth2;
	c->require_tls = email->require_tls < 0 ? g->smtp_require_tls : email->require_tls;
	if (c->force_implicit_tls < 0)
		c->force_implicit_tls = r->global.smtp_force_implicit_tls;
	if (!c->tls.set)
		c->tls = g->smtp_tls;
}

static bool is_header_name(const char *s)
{
	const char *p = s;

	while (*p > ' ' && *p < 0x7f && *p != ':')
		p++;
	return p > s && !*p;
}

/* Names of headers differ in more than the case of their letters, and hold nothing strange. */
static void check_headers(struct reader *r, const struct config_pairs *headers)
{
	scoped(strbuf_release) struct strbuf lower = STRBUF_INIT;
	scoped(map_release) struct map seen = MAP_INIT;

	for (size_t i = 0; i < headers->n; i++) {
		const struct config_text *name = &headers->items[i].name;

		if (!is_header_name(name->s))
			diag_error(
				r->diag, name->pos, "'%s' cannot be the name of a header", name->s);
		strbuf_reset(&lower);
		for (const char *p = name->s; *p; p++)
			strbuf_addch(&lower, (char)tolower((unsigned char)*p));
		if (map_gets(&seen, lower.s))
			diag_error(r->diag, name->pos, "duplicate header \"%s\" in email config",
				name->s);
		else if (lower.err || map_puts(&seen, lower.s, r))
			reader_no_memory(r);
	}
}

/* What would make threads of its own beside the ones that were asked for. */
static void check_threading(struct reader *r, const struct config_email *c)
{
	static const char *const names[] = { "References", "In-Reply-To" };

	for (size_t i = 0; i < c->headers.n && c->threading > THREAD_NOT; i++) {
		const struct config_text *name = &c->headers.items[i].name;

		for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
			if (!strcasecmp(name->s, names[k]))
				diag_error(r->diag, name->pos,
					"conflicting configuration: threading.enabled conflicts with "
					"custom %s header",
					names[k]);
		}
	}
}

static void check_login(
	struct reader *r, const struct config_email *c, const struct tree_node *node)
{
	if (!c->oauth2.set) {
		if (text_set(&c->auth_username) && !text_set(&c->auth_password.value) &&
			!text_set(&c->auth_password.file) && !text_set(&c->auth_secret.value) &&
			!text_set(&c->auth_secret.file))
			diag_warning(r->diag, c->auth_username.pos,
				"there is no password for this user; name the file that holds it "
				"as auth_password_file, or as smtp_auth_password_file in global");
		return;
	}
	if (!text_set(&c->auth_username))
		diag_error(r->diag, node->pos,
			"oauth2 needs auth_username, the address of the account");
	if (!c->require_tls &&
		!(c->force_implicit_tls < 0 ? c->port == 465 : c->force_implicit_tls))
		diag_error(r->diag, node->pos,
			"oauth2 needs require_tls: true: its token is as good as a password");
}

static void check_addresses(struct reader *r, struct config_email *c,
	const struct config_email *local, const struct tree_node *node)
{
	char *host = NULL;

	if (!text_set(&c->to))
		diag_error(r->diag, c->to.s ? c->to.pos : node->pos,
			"missing to address in email config");
	else
		address_check_mail(r->diag, &c->to, SIZE_MAX);
	/* The global ones were checked where they stand. */
	if (!text_set(&c->from))
		diag_error(r->diag, node->pos, "no global SMTP from set, and no from here");
	else if (text_set(&local->from))
		address_check_mail(r->diag, &c->from, 1);
	if (!text_set(&c->smarthost)) {
		diag_error(
			r->diag, node->pos, "no global SMTP smarthost set, and no smarthost here");
		return;
	}
	if (!text_set(&local->smarthost)) {
		c->host = r->global.smtp_host;
		c->port = r->global.smtp_port;
		return;
	}
	if (!address_split(r->diag, &c->smarthost, &r->config->arena, &host, &c->port))
		return;
	c->host = host;
	if (!host)
		reader_no_memory(r);
}

/*
 * Gmail takes 500 mails a day and then none for up to a day: neither alarms nor its owner's own. So the last
 * hundred are left to the owner, and a flood becomes digests before it ends in silence.
 */
static void limit_gmail(struct reader *r, struct config_email *c)
{
	const char *user = text_set(&c->auth_username) ? c->auth_username.s : "";
	size_t size = strlen(user) + sizeof("account  at ") + sizeof(GMAIL);

	if (!c->host || strcasecmp(c->host, GMAIL))
		return;
	c->budget.key = reader_alloc(r, size);
	if (c->budget.key)
		snprintf(c->budget.key, size, "account %s at %s", user, GMAIL);
	c->budget.count = 400;
	c->budget.per_ms = 24 * 3600 * 1000;
}

static void read_email(
	struct reader *r, const struct tree_node *node, struct config_receiver *receiver)
{
	struct email_read email = { .require_tls = -1, .c.force_implicit_tls = -1 };
	struct config_email local;

	if (node->null) {
		diag_error(r->diag, node->pos, "missing email config");
		return;
	}
	schema_read(r, &email_schema, node, &email);
	if (node->kind != TREE_MAP)
		return;
	local = email.c;
	inherit_global(r, &email);
	check_addresses(r, &email.c, &local, node);
	check_headers(r, &email.c.headers);
	check_threading(r, &email.c);
	check_login(r, &email.c, node);
	limit_gmail(r, &email.c);
	if (!arena_reserve(&r->config->arena, receiver->emails, receiver->n_emails,
		    receiver->cap_emails)) {
		reader_no_memory(r);
		return;
	}
	receiver->emails[receiver->n_emails++] = email.c;
}

static void read_emails(struct reader *r, const struct tree_pair *pair, void *out)
{
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++)
		read_email(r, pair->value->items[i], &((struct receiver_read *)out)->receiver);
}

/* -- budget, which is tolld's own ------------------------------------------------------------- */

/* 500/1d, or none. Its key is made when the receiver's name is known. */
static void read_budget(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_budget *budget = &((struct receiver_read *)out)->receiver.budget;
	char count[16];
	struct config_text text;
	const char *slash;
	int64_t n, per_ms;

	if (pair->value->null || !reader_text(r, pair, &text))
		return;
	budget->key = text.s;
	if (streq(text.s, "none"))
		return;
	slash = strchr(text.s, '/');
	if (slash && (size_t)(slash - text.s) < sizeof(count)) {
		snprintf(count, sizeof(count), "%.*s", (int)(slash - text.s), text.s);
		if (!num_parse_int(count, 1, MAX_BUDGET, &n) &&
			!duration_parse(slash + 1, strlen(slash + 1), &per_ms) &&
			per_ms >= MIN_BUDGET_MS && per_ms <= MAX_BUDGET_MS) {
			budget->count = n;
			budget->per_ms = per_ms;
			return;
		}
	}
	diag_error(r->diag, pair->value->pos,
		"'budget' must be a number of notifications and the time that they are for, from a "
		"minute to a year, like 500/1d; or none");
}

static void name_budget(struct reader *r, struct config_receiver *receiver)
{
	size_t size = strlen(receiver->name.s) + sizeof("receiver ");

	if (!receiver->budget.key)
		return;
	receiver->budget.key = reader_alloc(r, size);
	if (receiver->budget.key)
		snprintf(receiver->budget.key, size, "receiver %s", receiver->name.s);
}

/* -- maildir_configs, which are tolld's own --------------------------------------------------- */

/* Octal digits, as chmod has them; what others may not see must stay so. */
static void read_mode(struct reader *r, const struct tree_pair *pair, void *out)
{
	struct config_maildir *maildir = out;
	struct config_text text;
	unsigned mode = 0;

	if (pair->value->null || !reader_text(r, pair, &text))
		return;
	for (const char *p = text.s; *p; p++)
		mode = *p >= '0' && *p <= '7' && mode <= 0777 ? mode * 8 + (unsigned)(*p - '0')
							      : ~0u;
	if (!*text.s || mode > 0777 || (mode & 0600) != 0600)
		diag_error(r->diag, pair->value->pos,
			"'mode' must be octal digits like 0600, and let the owner read and write");
	else
		maildir->mode = mode;
}

static void read_maildir(
	struct reader *r, const struct tree_node *node, struct config_receiver *receiver)
{
	struct config_maildir maildir = { .mode = 0600, .email.send_resolved = true };

	if (node->null) {
		diag_error(r->diag, node->pos, "missing maildir config");
		return;
	}
	schema_read(r, &maildir_schema, node, &maildir);
	if (node->kind != TREE_MAP)
		return;
	if (!text_set(&maildir.path))
		diag_error(r->diag, maildir.path.s ? maildir.path.pos : node->pos,
			"missing path in maildir config: the folder that mails are put into");
	else if (maildir.path.s[0] != '/')
		diag_error(r->diag, maildir.path.pos, "'path' must begin with /, not '%.100s'",
			maildir.path.s);
	if (text_set(&maildir.email.to))
		address_check_mail(r->diag, &maildir.email.to, SIZE_MAX);
	if (text_set(&maildir.email.from))
		address_check_mail(r->diag, &maildir.email.from, 1);
	else
		inherit(&maildir.email.from, &r->global.c.smtp_from);
	check_headers(r, &maildir.email.headers);
	if (!arena_reserve(&r->config->arena, receiver->maildirs, receiver->n_maildirs,
		    receiver->cap_maildirs)) {
		reader_no_memory(r);
		return;
	}
	receiver->maildirs[receiver->n_maildirs++] = maildir;
}

static void read_maildirs(struct reader *r, const struct tree_pair *pair, void *out)
{
	size_t n = reader_list(r, pair);

	for (size_t i = 0; i < n; i++)
		read_maildir(r, pair->value->items[i], &((struct receiver_read *)out)->receiver);
}

/* Keeps the lists of all other types until it is known whether a route leads here. */
static void note_lists(struct reader *r, const struct tree_node *node, struct reader_receiver *more)
{
	const struct tree_pair *pair;

	for (size_t i = 0; i < node->n; i++) {
		pair = &node->pairs[i];
		if (!schema_find(&integrations_schema, pair->key->text.s) ||
			pair->value->kind != TREE_LIST || !pair->value->n)
			continue;
		if (!arena_reserve(&r->trees, more->lists, more->n_lists, more->cap_lists)) {
			reader_no_memory(r);
			return;
		}
		more->lists[more->n_lists++] = pair;
		integration_check(r, pair);
	}
}

static void check_receiver(
	struct reader *r, const struct receiver_read *read, const struct tree_node *node)
{
	const struct config_text *name = &read->receiver.name, *label;

	if (!text_set(name)) {
		diag_error(r->diag, name->s ? name->pos : node->pos, "missing name in receiver");
		return;
	}
	if (map_gets(&r->receiver_names, name->s))
		diag_error(r->diag, name->pos, "notification config name \"%s\" is not unique",
			name->s);
	for (size_t i = 0; i < read->receiver.labels.n; i++) {
		label = &read->receiver.labels.items[i].value;
		if (streq(read->receiver.labels.items[i].name.s, "name") &&
			!streq(label->s, name->s))
			diag_error(r->diag, label->pos,
				"receiver label \"name\" must match receiver name \"%s\", got \"%s\"",
				name->s, label->s);
	}
}

static void read_receiver(struct reader *r, const struct tree_node *node)
{
	struct receiver_read read = { 0 };
	struct config *c = r->config;

	if (node->null) {
		diag_error(r->diag, node->pos, "empty receiver: missing name in receiver");
		return;
	}
	schema_read(r, &receiver_schema, node, &read);
	if (node->kind != TREE_MAP)
		return;
	check_receiver(r, &read, node);
	note_lists(r, node, &read.more);
	if (!text_set(&read.receiver.name))
		return;
	name_budget(r, &read.receiver);
	if (!arena_reserve(&r->trees, r->receivers, r->n_receivers, r->cap_receivers) ||
		!arena_reserve(&c->arena, c->receivers, c->n_receivers, c->cap_receivers)) {
		reader_no_memory(r);
		return;
	}
	r->receivers[r->n_receivers++] = read.more;
	c->receivers[c->n_receivers++] = read.receiver;
	/* Of two with one name the first is found. */
	if (!map_gets(&r->receiver_names, read.receiver.name.s) &&
		map_puts(&r->receiver_names, read.receiver.name.s, (void *)r->n_receivers))
		reader_no_memory(r);
}

void config_read_receivers(struct reader *r, const struct tree_pair *pair, void *out)
{
	size_t n = reader_list(r, pair);

	if (n && !r->needs_route.source)
		r->needs_route = pair->key->pos;
	for (size_t i = 0; i < n; i++)
		read_receiver(r, pair->value->items[i]);
}

const struct config_receiver *config_receiver_find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_receivers; i++) {
		if (streq(config->receivers[i].name.s, name))
			return &config->receivers[i];
	}
	return NULL;
}

int config_receiver_labels(const struct config_receiver *receiver, struct labels **ret)
{
	struct labels_builder b = LABELS_BUILDER_INIT;

	for (size_t i = 0; i < receiver->labels.n; i++)
		labels_builder_set(
			&b, receiver->labels.items[i].name.s, receiver->labels.items[i].value.s);
	labels_builder_set(&b, "name", receiver->name.s);
	return labels_build(&b, ret);
}

void config_check_receivers(struct reader *r)
{
	struct config *c = r->config;
	const struct reader_use *use;
	size_t found;

	for (size_t i = 0; i < r->n_receiver_uses; i++) {
		use = &r->receiver_uses[i];
		found = (size_t)map_gets(&r->receiver_names, use->name);
		if (found)
			r->receivers[found - 1].reached = true;
		else if (!r->broken)
			diag_error(r->diag, use->pos, "undefined receiver \"%s\" used in route",
				use->name);
	}
	for (size_t i = 0; i < r->n_receivers; i++) {
		for (size_t k = 0; k < r->receivers[i].n_lists; k++)
			integration_read(r, r->receivers[i].lists[k], &c->receivers[i],
				r->receivers[i].reached);
	}
}
