/*
 * payload_push.c - services that take a form and put it on a phone: Pushover, Amazon's SNS.
 *
 * Source: alertmanager notify/pushover/pushover.go, notify/sns/sns.go; Amazon's reference of Publish.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/escape.h"
#include "deliver/payload.h"

#define PUSHOVER_MAX 1024

#define FORM "application/x-www-form-urlencoded"

/* -- Pushover -- */

bool pushover_is_html(const struct config_integration *integration, const char *key)
{
	return streq(key, "message") && payload_flag(&integration->settings, "html");
}

static void add_seconds(struct payload *p, const char *key)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, payload_duration_ms(p, key) / 1000);
	form_add(p, key, text);
}

/*
 * The same parameters as Alertmanager's, in the order of their names; it puts them into the URL, where
 * proxies write them into their logs, secrets and all.
 */
void render_pushover(struct payload *p)
{
	const struct config_value *settings = &p->integration->settings;
	bool html = payload_flag(settings, "html");
	const char *message = html ? payload_html(p, "message") : payload_text(p, "message");

	payload_post(p, "https://api.pushover.net/1/messages.json", FORM);
	if (*payload_plain(p, "api_url"))
		p->requests[0].url = payload_plain(p, "api_url");
	message = html ? payload_cut_html(p, message, PUSHOVER_MAX)
		       : payload_cut(p, message, PUSHOVER_MAX);
	message = payload_trim(p, message);
	form_add(p, "device", payload_text(p, "device"));
	add_seconds(p, "expire");
	if (html)
		form_add(p, "html", "1");
	/* Pushover takes no empty ones. */
	form_add(p, "message", *message ? message : "(no details)");
	if (payload_flag(settings, "monospace"))
		form_add(p, "monospace", "1");
	form_add(p, "priority", payload_text(p, "priority"));
	add_seconds(p, "retry");
	form_add(p, "sound", payload_text(p, "sound"));
	form_add(p, "title", payload_cut(p, payload_text(p, "title"), 250));
	form_add(p, "token", payload_secret(p, "token", true));
	if (payload_duration_ms(p, "ttl") >= 1000)
		add_seconds(p, "ttl");
	form_add(p, "url", payload_cut(p, payload_text(p, "url"), 512));
	form_add(p, "url_title", payload_text(p, "url_title"));
	form_add(p, "user", payload_secret(p, "user_key", true));
}

/* -- SNS -- */

#define SNS_MAX	    ((size_t)256 << 10)
#define SNS_SMS_MAX ((size_t)1600)
#define SNS_SUBJECT 100

static const char *of_map(const struct config_value *map, const char *key)
{
	const struct config_text *text = map ? config_value_text(map, key) : NULL;

	return text ? text->s : "";
}

static const char *or_environment(const char *text, const char *name)
{
	const char *value = *text ? text : getenv(name);

	return value ? value : "";
}

/* arn:aws:sns:REGION:ACCOUNT:NAME */
static const char *region_of(struct payload *p, const char *arn)
{
	struct strbuf out = STRBUF_INIT;

	for (int i = 0; i < 3 && arn; i++) {
		arn = strchr(arn, ':');
		arn = arn ? arn + 1 : NULL;
	}
	if (!arn)
		return "";
	strbuf_add(&out, arn, strcspn(arn, ":"));
	return payload_keep(p, &out);
}

static void sign(struct payload *p, struct payload_request *request, const char *region)
{
	const struct config_value *sigv4 = config_value_get(&p->integration->settings, "sigv4");
	struct strbuf how = STRBUF_INIT;

	request->access_key = or_environment(of_map(sigv4, "access_key"), "AWS_ACCESS_KEY_ID");
	request->secret_key = or_environment(of_map(sigv4, "secret_key"), "AWS_SECRET_ACCESS_KEY");
	if (!*request->access_key || !*request->secret_key)
		payload_fail(p, -EINVAL,
			"sigv4: access_key and secret_key are needed, here or in the environment");
	strbuf_addf(&how, "aws:amz:%s:sns", region);
	request->sigv4 = payload_keep(p, &how);
}

static void add_attribute(struct payload *p, unsigned i, const char *name, const char *text)
{
	char key[80];

	snprintf(key, sizeof(key), "MessageAttributes.entry.%u.Name", i);
	form_add(p, key, name);
	snprintf(key, sizeof(key), "MessageAttributes.entry.%u.Value.DataType", i);
	form_add(p, key, "String");
	snprintf(key, sizeof(key), "MessageAttributes.entry.%u.Value.StringValue", i);
	form_add(p, key, text);
}

static void add_attributes(struct payload *p, bool truncated)
{
	const struct config_value *own = config_value_get(&p->integration->settings, "attributes");
	unsigned n = 0;

	for (size_t i = 0; own && own->kind == VALUE_MAP && i < own->n; i++)
		add_attribute(p, ++n, own->keys[i].s,
			payload_expand(p, "attributes", config_value_text(own, own->keys[i].s)));
	if (truncated)
		add_attribute(p, ++n, "truncated", "true");
}

/* To whom: exactly one of three. */
static const char *add_recipient(struct payload *p)
{
	static const char *const names[][2] = { { "topic_arn", "TopicArn" },
		{ "phone_number", "PhoneNumber" }, { "target_arn", "TargetArn" } };
	const char *text;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		text = payload_text(p, names[i][0]);
		if (!*text)
			continue;
		form_add(p, names[i][1], text);
		return text;
	}
	payload_fail(p, -EINVAL, "topic_arn, target_arn and phone_number are all empty");
	return "";
}

void render_sns(struct payload *p)
{
	const struct config_value *sigv4 = config_value_get(&p->integration->settings, "sigv4");
	const char *to, *region, *message = payload_text(p, "message"), *cut;
	const char *subject = payload_cut_bytes(p, payload_text(p, "subject"), SNS_SUBJECT);
	struct payload_request *request = payload_post(p, payload_text(p, "api_url"), FORM);
	struct strbuf url = STRBUF_INIT;

	form_add(p, "Action", "Publish");
	form_add(p, "Version", "2010-03-31");
	to = add_recipient(p);
	region = of_map(sigv4, "region");
	if (!*region && starts_with(to, "arn:"))
		region = region_of(p, to);
	region = or_environment(region, "AWS_REGION");
	if (!*region)
		payload_fail(p, -EINVAL, "sigv4: region is needed");
	if (!*request->url)
		strbuf_addf(&url, "https://sns.%s.amazonaws.com/", region);
	else
		strbuf_addf(&url, "%s%s", request->url,
			request->url[strlen(request->url) - 1] == '/' ? "" : "/");
	request->url = payload_keep(p, &url);
	cut = payload_cut_bytes(p, message, starts_with(to, "arn:") ? SNS_MAX : SNS_SMS_MAX);
	if (!utf8_valid(cut, strlen(cut)))
		payload_fail(p, -EINVAL, "message: no valid UTF-8");
	form_add(p, "Message", cut);
	if (*subject)
		form_add(p, "Subject", subject);
	if (strlen(to) > 5 && streq(to + strlen(to) - 5, ".fifo")) {
		form_add(p, "MessageDeduplicationId", payload_group_hash(p));
		form_add(p, "MessageGroupId", payload_group_hash(p));
	}
	add_attributes(p, cut != message);
	sign(p, request, region);
}
