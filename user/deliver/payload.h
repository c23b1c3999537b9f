/*
 * payload.h - one notification as the request, or the few requests, that a service takes it by.
 *
 * Pure: settings and notification go in, requests come out; only secrets are read from their files.
 * Everything is rendered before the first request is sent. What fails is remembered in `err`, and
 * all later calls do nothing, so a type's function reads like the JSON that it makes.
 */
#ifndef TOLLD_DELIVER_PAYLOAD_H
#define TOLLD_DELIVER_PAYLOAD_H

#include "client/request.h"
#include "deliver/deliver.h"
#include "deliver/templates.h"

#define PAYLOAD_REQUESTS 3
#define PAYLOAD_SECRETS	 4
/* A wall for what the settings do not foresee; services take far less. */
#define PAYLOAD_MAX_BYTES ((size_t)16 << 20)

struct payload_request {
	const char *method; /* "POST" where NULL */
	const char *url;    /* the arena's, as all texts here */
	const char *content_type;
	struct strbuf body;
	struct client_header headers[2];
	size_t n_headers;
	const char *sigv4, *access_key, *secret_key;
};

struct payload {
	const struct config_integration *integration;
	const struct notification *n;
	const struct deliver_options *options;
	struct mail_templates *templates;
	struct arena arena;
	struct tvalue data; /* what templates see */
	struct payload_request requests[PAYLOAD_REQUESTS];
	size_t n_requests;
	int64_t timeout_ms;		/* 0: nobody said */
	char *secrets[PAYLOAD_SECRETS]; /* wiped */
	size_t n_secrets;
	struct censor censor; /* what is never to be shown, and answers may quote */
	int err;
	char error[DELIVERY_ERROR_MAX];
};

/* How a service wants to be spoken to: the row of a type. */
struct payload_kind {
	const char *type;
	void (*render)(struct payload *p);
	/* Besides 5xx: statuses after which it may work later. */
	int retry_codes[2];
	bool retry_always;
	/*
	 * Looks into an answer whose status is good. 0; -EAGAIN and -EINVAL with the fault in words[].
	 * NULL: the status is all there is.
	 */
	int (*judge)(const struct client_answer *answer, char *words, size_t size);
	/* Puts what the answer to one request says into the next one; as `judge` fails. */
	int (*proceed)(struct payload *p, const struct client_answer *answer,
		struct payload_request *next, char *words, size_t size);
	/* The settings that are templates of HTML; all others are of text. */
	bool (*is_html)(const struct config_integration *integration, const char *key);
};

/* NULL where tolld does not know the type. */
const struct payload_kind *payload_kind(const char *type);
/*
 * Renders into *p, which is to be released in any case. -ENOMEM; -EINVAL for what will never be
 * rendered; those of config_secret_read(); p->error says why, but for -ENOMEM.
 */
int payload_render(struct payload *p, const struct config_integration *integration,
	const struct notification *n, const struct deliver_options *options,
	struct mail_templates *templates);
void payload_release(struct payload *p);
/* What was answered, without anything secret, as one line of `max` bytes at most. */
void payload_show(struct payload *p, const struct client_answer *answer, struct strbuf *out,
	size_t max_bytes);
/* What an answer means; words[] are without secrets. DELIVERY_SENT with i the last request: all is done. */
enum delivery_result payload_judge(
	struct payload *p, size_t i, const struct client_answer *answer, char *words, size_t size);

/* -- for the types' functions ------------------------------------------------------------------ */

void payload_fail(struct payload *p, int err, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* What templates see, made anew: after `n` was changed. */
void payload_read_data(struct payload *p);
/* Takes a text that was made here into the arena; "" when memory is out. */
const char *payload_keep(struct payload *p, struct strbuf *text);
/* A setting, executed where it is a template; "" where it is not set. */
const char *payload_text(struct payload *p, const char *key);
const char *payload_html(struct payload *p, const char *key);
/* The same for a text that is part of another setting. */
const char *payload_expand(struct payload *p, const char *setting, const struct config_text *text);
/* A setting as it stands; "" where it is not set. */
const char *payload_plain(const struct payload *p, const char *key);
bool payload_flag(const struct config_value *map, const char *key);
/* A secret, or what its NAME_file holds; with `expanded` it may be a template. */
const char *payload_secret(struct payload *p, const char *key, bool expanded);
/* At most so many runes, the last of them "…" where there were more. */
const char *payload_cut(struct payload *p, const char *text, size_t runes);
/* The same of HTML: no tag and no entity is cut in two, and what is open is closed. Else it would be refused. */
const char *payload_cut_html(struct payload *p, const char *text, size_t runes);
const char *payload_cut_bytes(struct payload *p, const char *text, size_t bytes);
/* Without white space at both ends. */
const char *payload_trim(struct payload *p, const char *text);
/* SHA-256 of the group's key, in hex: what services know a group by. */
const char *payload_group_hash(struct payload *p);
/* Milliseconds of a setting like Go writes durations. */
int64_t payload_duration_ms(struct payload *p, const char *key);

/* Room for so many of them. NULL when memory is out. */
struct put_pair *payload_pairs(struct payload *p, size_t n);

/* A request; the last one begun is that whose body the put_ and form_ functions add to. */
struct payload_request *payload_post(struct payload *p, const char *url, const char *content_type);
struct payload_request *payload_post_json(struct payload *p, const char *url);
void payload_header(struct payload_request *request, const char *name, const char *value);

/* JSON; name NULL inside of a list. */
void put_open(struct payload *p, const char *name, char bracket);
void put_close(struct payload *p, char bracket);
void put_string(struct payload *p, const char *name, const char *value);
/* Not where it is empty. */
void put_optional(struct payload *p, const char *name, const char *value);
void put_bool(struct payload *p, const char *name, bool value);
void put_int(struct payload *p, const char *name, int64_t value);
/* A value of the settings with all its texts executed; what they become is read as YAML. */
void put_value(struct payload *p, const char *name, const struct config_value *value);
/* A mapping of texts, which is sorted here; of one name the last counts. */
struct put_pair {
	const char *name, *value;
};
void put_pairs(struct payload *p, const char *name, struct put_pair *pairs, size_t n);
/* What templates see, as Go's encoder writes it, without the last bracket: more fields may follow. */
void put_data(struct payload *p, const struct tvalue *data);

/* name=value&... */
void form_add(struct payload *p, const char *name, const char *value);

/* The types by what they are: payload_chat.c, payload_duty.c, payload_push.c, payload_webhook.c. */
void render_discord(struct payload *p);
void render_incidentio(struct payload *p);
void render_mattermost(struct payload *p);
void render_msteams(struct payload *p);
void render_msteamsv2(struct payload *p);
void render_opsgenie(struct payload *p);
void render_pagerduty(struct payload *p);
void render_pushover(struct payload *p);
void render_rocketchat(struct payload *p);
void render_slack(struct payload *p);
void render_sns(struct payload *p);
void render_telegram(struct payload *p);
void render_victorops(struct payload *p);
void render_webex(struct payload *p);
void render_webhook(struct payload *p);
void render_wechat(struct payload *p);
int judge_slack(const struct client_answer *answer, char *words, size_t size);
int judge_rocketchat(const struct client_answer *answer, char *words, size_t size);
int judge_telegram(const struct client_answer *answer, char *words, size_t size);
int judge_wechat(const struct client_answer *answer, char *words, size_t size);
int proceed_wechat(struct payload *p, const struct client_answer *answer,
	struct payload_request *next, char *words, size_t size);
bool telegram_is_html(const struct config_integration *integration, const char *key);
bool pushover_is_html(const struct config_integration *integration, const char *key);

#endif
