/*
 * message.c - one notification as one complete mail.
 *
 * It is put together before any server is spoken to: what cannot be rendered is never sent by half.
 * Sources: RFC 5322, RFC 2046 5.1.4, alertmanager template/default.tmpl and notify/email/email.go.
 */
#include "deliver/message.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include "deliver/body.h"
#include "deliver/mime.h"
#include "deliver/thread.h"
#include "model/timestamp.h"

/* Longer values are no subject any more; the body has them whole. */
#define SUBJECT_MAX_BYTES 900
/*
 * Gmail hides what is beyond. Ours is folded below it (body.h); the owner's HTML cannot be: nobody but its author
 * knows what may be left out, and what of the rest would then be wrong.
 */
#define CLIPPED_BYTES ((size_t)102 << 10)

struct render {
	const struct config_email *email;
	const struct notification *n;
	const struct deliver_options *options;
	struct mail_templates *templates;
	struct arena arena; /* of `data` */
	struct tvalue data; /* what templates see, once there is one */
	const struct address_list *from;
	const struct address_list *to;
	struct strbuf out;
	char *note; /* of the message */
	char *error;
	size_t error_size;
};

static int fault(struct render *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int fault(struct render *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(r->error, r->error_size, fmt, args);
	va_end(args);
	return -EINVAL;
}

static void add_note(struct render *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void add_note(struct render *r, const char *fmt, ...)
{
	size_t len = strlen(r->note);
	va_list args;

	va_start(args, fmt);
	len += (size_t)snprintf(r->note + len, MESSAGE_NOTE_MAX - len, "%s", len ? "; " : "");
	if (len < MESSAGE_NOTE_MAX)
		vsnprintf(r->note + len, MESSAGE_NOTE_MAX - len, fmt, args);
	va_end(args);
}

/* What the owner wrote failed, and error[] says why. */
static void excuse(struct render *r)
{
	add_note(r, "tolld's own words stand there, because %s", r->error);
	r->error[0] = '\0';
}

/* -- what the settings say -- */

/* {{ template "NAME" . }}, with or without the white space and the trim markers. */
static bool calls_template(const char *s, const char *name)
{
	const char *const parts[] = { "{{", "template", "\"", name, "\"", ".", "}}" };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		/* The quotes hug the name; everywhere else white space means nothing. */
		if (i != 3 && i != 4)
			s += strspn(s, " \t\r\n-");
		if (!starts_with(s, parts[i]))
			return false;
		s += strlen(parts[i]);
	}
	return !s[strspn(s, " \t\r\n")];
}

/* A text of the settings, executed where it is a template; adds to out. */
static int expand(struct render *r, enum template_mode mode, const char *setting, const char *text,
	struct strbuf *out)
{
	struct template_error error = { 0 };
	int err = 0;

	if (!strstr(text, "{{")) {
		strbuf_adds(out, text);
		return out->err;
	}
	if (!r->data.type)
		err = mail_templates_data(
			r->templates, &r->arena, r->n, r->options, &r->data, &error);
	if (!err)
		err = mail_templates_render(
			r->templates, mode, setting, text, &r->data, r->n->at_wall_ms, out, &error);
	return err == -EINVAL ? fault(r, "%s: %s", setting, error.text) : err ? err : out->err;
}

static int parse_addresses(struct render *r, const char *setting, const struct config_text *text,
	struct address_list *ret)
{
	struct strbuf value = STRBUF_INIT;
	char why[160] = "";
	int err;

	if (!text->s)
		return fault(r, "%s: not set", setting);
	err = expand(r, TEMPLATE_TEXT, setting, text->s, &value);
	if (!err)
		err = address_list_parse(value.s, ret, why, sizeof(why));
	if (err == -EINVAL && why[0])
		fault(r, "%s: '%.200s': %s", setting, value.s, why);
	strbuf_release(&value);
	return err;
}

/* -- headers -- */

static void subject_values(
	struct strbuf *out, const struct labels *labels, const struct labels *without)
{
	bool first = true;

	for (unsigned i = 0; i < labels->n; i++) {
		const struct label *label = body_label(labels, i);

		if (without && labels_get(without, label->name))
			continue;
		if (!first)
			strbuf_addch(out, ' ');
		strbuf_adds(out, label->value);
		first = false;
	}
}

int message_subject(const struct notification *n, struct strbuf *out)
{
	scoped(labels_unrefp) struct labels *common = alerts_common_labels(n->alerts, n->n_alerts);

	if (!common)
		return -ENOMEM;
	if (n->n_firing)
		strbuf_addf(out, "[FIRING:%zu] ", n->n_firing);
	else
		strbuf_adds(out, "[RESOLVED] ");
	subject_values(out, n->group_labels, NULL);
	if (common->n > n->group_labels->n) {
		strbuf_adds(out, " (");
		subject_values(out, common, n->group_labels);
		strbuf_addch(out, ')');
	}
	return out->err;
}

static int add_date(struct render *r)
{
	struct strbuf date = STRBUF_INIT;

	timestamp_format_rfc5322(&date, r->n->at_wall_ms);
	mime_header(&r->out, "Date", date.s);
	mime_scratch_release(&date, &r->out);
	return 0;
}

static int add_from(struct render *r)
{
	mime_header_addresses(&r->out, "From", r->from);
	return 0;
}

static int add_to(struct render *r)
{
	mime_header_addresses(&r->out, "To", r->to);
	return 0;
}

/* The built-in text, or what the owner made of its name. */
static int subject(struct render *r, struct strbuf *out)
{
	if (!mail_templates_replaced(r->templates))
		return message_subject(r->n, out);
	return expand(r, TEMPLATE_TEXT, "headers: Subject",
		"{{ template \"email.default.subject\" . }}", out);
}

static int put_subject(struct render *r, const struct strbuf *text)
{
	struct strbuf shown = STRBUF_INIT;
	int err;

	mime_clean(&shown, text->s, text->len, SUBJECT_MAX_BYTES);
	mime_header(&r->out, "Subject", shown.s);
	err = shown.err;
	strbuf_release(&shown);
	return err;
}

static int add_own_subject(struct render *r)
{
	struct strbuf text = STRBUF_INIT;
	int err = message_subject(r->n, &text);

	if (!err)
		err = put_subject(r, &text);
	strbuf_release(&text);
	return err;
}

static int add_subject(struct render *r)
{
	struct strbuf text = STRBUF_INIT;
	int err = subject(r, &text);

	if (!err)
		err = put_subject(r, &text);
	strbuf_release(&text);
	if (err != -EINVAL)
		return err;
	excuse(r);
	return add_own_subject(r);
}

static int add_message_id(struct render *r)
{
	struct strbuf id = STRBUF_INIT;

	strbuf_addf(&id, "<%s@", r->n->id);
	for (const char *p = r->options->hostname; *p; p++) {
		if (isalnum((unsigned char)*p) || *p == '-' || *p == '.')
			strbuf_addch(&id, *p);
	}
	strbuf_addch(&id, '>');
	mime_header(&r->out, "Message-Id", id.s);
	mime_scratch_release(&id, &r->out);
	return 0;
}

static int add_thread(struct render *r, const char *name)
{
	struct strbuf root = STRBUF_INIT;
	int err = thread_root(r->email->threading, r->n, &root);

	if (!err && root.len)
		mime_header(&r->out, name, root.s);
	strbuf_release(&root);
	return err;
}

static int add_in_reply_to(struct render *r)
{
	return add_thread(r, "In-Reply-To");
}

static int add_references(struct render *r)
{
	return add_thread(r, "References");
}

/* RFC 3834: no program answers this mail. */
static int add_auto_submitted(struct render *r)
{
	mime_header(&r->out, "Auto-Submitted", "auto-generated");
	return 0;
}

static int add_mime_version(struct render *r)
{
	mime_header(&r->out, "MIME-Version", "1.0");
	return 0;
}

/* Headers of every mail, in this order. */
static const struct standard_header {
	const char *name;
	int (*add)(struct render *r);
	bool fixed; /* the mail would be broken with another value */
} standard_headers[] = {
	{ "Date", add_date, false },
	{ "From", add_from, false },
	{ "To", add_to, false },
	{ "Subject", add_subject, false },
	{ "Message-Id", add_message_id, false },
	{ "In-Reply-To", add_in_reply_to, false },
	{ "References", add_references, false },
	{ "Auto-Submitted", add_auto_submitted, false },
	{ "MIME-Version", add_mime_version, true },
	/* Written by add_body(). */
	{ "Content-Type", NULL, true },
	{ "Content-Transfer-Encoding", NULL, true },
};

static const struct config_pair *custom_header(const struct render *r, const char *name)
{
	const struct config_pairs *headers = &r->email->headers;

	for (size_t i = 0; i < headers->n; i++) {
		if (!strcasecmp(headers->items[i].name.s, name))
			return &headers->items[i];
	}
	return NULL;
}

static const struct standard_header *standard_header(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(standard_headers); i++) {
		if (!strcasecmp(standard_headers[i].name, name))
			return &standard_headers[i];
	}
	return NULL;
}

/* These hold addresses; their names are encoded, the addresses never. */
static bool holds_addresses(const char *name)
{
	static const char *const names[] = { "From", "To", "Cc", "Bcc", "Reply-To", "Sender" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcasecmp(names[i], name))
			return true;
	}
	return false;
}

/* A header's value. What is no list of addresses ("undisclosed:;") stays what it is. */
static int add_value(struct render *r, const char *name, const char *value)
{
	struct address_list list = ADDRESS_LIST_INIT;
	char why[160];
	int err;

	if (holds_addresses(name)) {
		err = address_list_parse(value, &list, why, sizeof(why));
		if (!err) {
			mime_header_addresses(&r->out, name, &list);
			address_list_release(&list);
			return 0;
		}
		if (err != -EINVAL)
			return err;
	}
	mime_header(&r->out, name, value);
	return 0;
}

/* A header from the settings. */
static int add_custom(struct render *r, const struct config_pair *header)
{
	const char *name = header->name.s, *text = header->value.s ? header->value.s : "";
	struct strbuf value = STRBUF_INIT;
	char setting[MIME_HEADER_NAME_MAX + 16];
	int err;

	if (!strcasecmp(name, "Subject") && calls_template(text, "email.default.subject"))
		return add_subject(r);
	snprintf(setting, sizeof(setting), "headers: %s", name);
	err = expand(r, TEMPLATE_TEXT, setting, text, &value);
	if (!err)
		err = add_value(r, name, value.s);
	strbuf_release(&value);
	if (err != -EINVAL || strcasecmp(name, "Subject"))
		return err;
	excuse(r);
	return add_own_subject(r);
}

static int add_headers(struct render *r)
{
	const struct config_pairs *custom = &r->email->headers;
	const struct standard_header *standard;
	int err = 0;

	for (size_t i = 0; i < custom->n; i++) {
		const char *name = custom->items[i].name.s;

		if (!mime_header_name_valid(name))
			return fault(r, "headers: '%.200s' is no name of a header", name);
		standard = standard_header(name);
		if (standard && standard->fixed)
			return fault(r, "headers: %s cannot be changed", standard->name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(standard_headers) && !err; i++) {
		const struct config_pair *own = custom_header(r, standard_headers[i].name);

		if (own)
			err = add_custom(r, own);
		else if (standard_headers[i].add)
			err = standard_headers[i].add(r);
	}
	for (size_t i = 0; i < custom->n && !err; i++) {
		if (!standard_header(custom->items[i].name.s))
			err = add_custom(r, &custom->items[i]);
	}
	return err;
}

/* -- body -- */

typedef void body_fn(
	const struct notification *n, const struct deliver_options *options, struct strbuf *out);

/* One of the two alternatives. */
struct part {
	const char *type; /* text/... */
	const char *setting;
	const char *call; /* the text that stands for the built-in one */
	const char *name; /* which is called that, among templates */
	enum template_mode mode;
	body_fn *builtin;
};

/*
 * The owner's own words where the settings have some, else ours. "=_" cannot occur in
 * quoted-printable, so the boundary cannot occur in a part.
 */
static int add_part(struct render *r, const struct part *part, const char *own)
{
	struct strbuf text;
	int err = 0;

	if (own && calls_template(own, part->name))
		own = NULL;
	if (!own && mail_templates_replaced(r->templates))
		own = part->call;
	strbuf_init(&text, MESSAGE_MAX_BYTES / 4);
	strbuf_addf(&r->out,
		"\r\n--=_tolld_%s\r\nContent-Type: text/%s; charset=utf-8\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n",
		r->n->id, part->type);
	if (own)
		err = expand(r, part->mode, part->setting, own, &text);
	if (err == -EMSGSIZE)
		err = fault(r, "%s: it is larger than %zu bytes", part->setting, text.max);
	if (err == -EINVAL) {
		excuse(r);
		strbuf_reset(&text);
		own = NULL;
		err = 0;
	}
	if (!own)
		part->builtin(r->n, r->options, &text);
	else if (part->mode == TEMPLATE_HTML && text.len > CLIPPED_BYTES)
		add_note(r, "its HTML takes %zu kB, and Gmail hides what is beyond 102",
			text.len / 1024);
	if (!err)
		mime_quoted_printable(&r->out, text.s, text.len);
	if (text.err && !r->out.err)
		r->out.err = text.err;
	strbuf_release(&text);
	return err ? err : r->out.err;
}

/*
 * Text first and HTML last, as the better one. `html: ''` leaves the HTML out; `text: ''`, which is
 * Alertmanager's default, does not leave out the text: mail without it is taken for spam.
 */
static int add_body(struct render *r)
{
	static const struct part plain = { "plain", "text",
		"{{ template \"email.default.text\" . }}", "email.default.text", TEMPLATE_TEXT,
		body_text };
	static const struct part rich = { "html", "html", "{{ template \"email.default.html\" . }}",
		"email.default.html", TEMPLATE_HTML, body_html };
	const char *text = r->email->text.s, *html = r->email->html.s;
	int err;

	strbuf_addf(&r->out, "Content-Type: multipart/alternative;\r\n boundary=\"=_tolld_%s\"\r\n",
		r->n->id);
	err = add_part(r, &plain, text && *text ? text : NULL);
	if (!err && !(html && !*html))
		err = add_part(r, &rich, html);
	strbuf_addf(&r->out, "\r\n--=_tolld_%s--\r\n", r->n->id);
	return err;
}

static int render_parsed(struct render *r, struct message *message)
{
	int err;

	if (r->from->n != 1)
		return fault(r, "from: exactly one address is needed, not %zu", r->from->n);
	err = add_headers(r);
	if (!err)
		err = add_body(r);
	if (err)
		return err;
	message->len = r->out.len;
	return strbuf_finish(&r->out, &message->data);
}

static bool is_served(const char *served, const char *spec)
{
	size_t len = strlen(spec);

	for (; served && *served; served = strchr(served, '\n') + 1) {
		if (strchr(served, '\n') - served == (ptrdiff_t)len && !memcmp(served, spec, len))
			return true;
	}
	return false;
}

/* The mail is the same; its envelope has only those who wait for it. Of other settings, all. */
static void leave_out_served(struct address_list *to, const char *served)
{
	size_t n = 0, left = 0;

	for (size_t i = 0; i < to->n; i++)
		left += !is_served(served, to->items[i].spec);
	if (!left)
		return;
	for (size_t i = 0; i < to->n; i++) {
		if (!is_served(served, to->items[i].spec)) {
			to->items[n++] = to->items[i];
			continue;
		}
		free(to->items[i].name);
		free(to->items[i].spec);
	}
	to->n = n;
}

int message_render(const struct config_email *email, const struct notification *n,
	const struct deliver_options *options, struct mail_templates *templates,
	struct message *ret, char *error, size_t error_size)
{
	struct address_list from = ADDRESS_LIST_INIT;
	struct message message = { 0 };
	struct render r = { .email = email,
		.n = n,
		.options = options,
		.templates = templates,
		.note = message.note,
		.error = error,
		.error_size = error_size,
		.from = &from,
		.to = &message.to };
	int err;

	strbuf_init(&r.out, MESSAGE_MAX_BYTES);
	err = parse_addresses(&r, "from", &email->from, &from);
	if (!err)
		err = parse_addresses(&r, "to", &email->to, &message.to);
	if (!err)
		err = render_parsed(&r, &message);
	strbuf_release(&r.out);
	arena_release(&r.arena);
	if (!err) {
		message.from = TAKE(from.items[0].spec);
		leave_out_served(&message.to, n->served);
	}
	address_list_release(&from);
	if (err) {
		message_release(&message);
		/* Cannot happen with the limits of body.h; the owner's own words may be too many. */
		if (err == -EMSGSIZE)
			err = fault(&r, "the mail would be larger than %zu MiB",
				MESSAGE_MAX_BYTES >> 20);
		return err;
	}
	*ret = message;
	return 0;
}

void message_release(struct message *message)
{
	free(message->from);
	address_list_release(&message->to);
	free(message->data);
	*message = (struct message){ 0 };
}
