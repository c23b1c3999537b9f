/*
 * What services are sent, byte for byte, for one notification; and what their answers mean.
 */
#include "deliver/fixture.h"

#include "deliver/payload.h"

/* One item of a receiver in flow style, its key, and what is sent for a firing alert and an old one. */
struct payload_row {
	const char *type, *item;
	const char
		*sent; /* "METHOD URL\nHEADER: VALUE\n\nBODY\n" for each request, or "error: ..." */
};

/* alertname, instance and a hostile label; two alerts of which the second is over. */
static struct notification *notification_of(bool firing)
{
	struct notification *n = fixture_group(LABELS("alertname", "Down"));
	struct alert *alert;

	if (firing) {
		alert = fixture_add(n, LABELS("alertname", "Down", "instance", "a:1", "job", "x"),
			LABELS("summary", "it's <down> & \"out\""), AT_WALL_MS - 70000, 0);
		alert->generator_url = strdup("http://p/graph?a=b&c");
	}
	fixture_add(n, LABELS("alertname", "Down", "instance", "b:1", "job", "x"),
		LABELS("summary", "it's <down> & \"out\""), AT_WALL_MS - 90000, AT_WALL_MS - 10000);
	free(n->receiver);
	free(n->group_key);
	n->receiver = strdup("team.x");
	n->group_key = strdup("{}:{alertname=\"Down\"}");
	return n;
}

/* Of one receiver that has this integration alone. */
static struct config *config_with(const char *type, const char *item)
{
	struct strbuf text = STRBUF_INIT;
	struct config *config;

	strbuf_addf(&text, "route: {receiver: r}\nreceivers: [{name: r, %s_configs: [%s]}]\n", type,
		item);
	config = config_of(text.s);
	strbuf_release(&text);
	return config;
}

static void show(const struct payload *p, struct strbuf *out)
{
	if (p->err) {
		strbuf_addf(out, "error: %s\n", p->error);
		return;
	}
	for (size_t i = 0; i < p->n_requests; i++) {
		const struct payload_request *request = &p->requests[i];

		strbuf_addf(out, "%s %s\n", request->method, request->url);
		for (size_t k = 0; k < request->n_headers; k++)
			strbuf_addf(out, "%s: %s\n", request->headers[k].name,
				request->headers[k].value);
		if (request->sigv4)
			strbuf_addf(out, "%s %s %s\n", request->sigv4, request->access_key,
				request->secret_key);
		strbuf_addf(out, "%s\n", request->body.s);
	}
}

static void check(const struct payload_row *row, bool firing)
{
	struct config *config = config_with(row->type, row->item);
	struct notification *n = notification_of(firing);
	struct strbuf out = STRBUF_INIT;
	struct payload p;

	assert_int_equal(config->receivers[0].n_integrations, 1);
	payload_render(&p, &config->receivers[0].integrations[0], n, &fixture_options,
		fixture_templates());
	show(&p, &out);
	assert_string_equal(out.s, row->sent);
	strbuf_release(&out);
	payload_release(&p);
	notification_unref(n);
	config_unref(config);
}

static const struct payload_row firing_rows[] = {
	{ "webhook", "{url: 'http://h/x', payload: '{{ .Nothing }}'}",
		"error: payload: template: payload#1:1:3: executing \"payload#1\": can'"
		"t evaluate field Nothing in type *template.Data\n" },
	{ "webhook", "{url: 'http://h/{{ .Status }}', max_alerts: 0x1}",
		"POST http://h/firing\n"
		"{\"receiver\":\"team\\\\.x\",\"status\":\"firing\",\"alerts\":[{\"stat"
		"us\":\"firing\",\"labels\":{\"alertname\":\"Down\",\"instance\":\"a:1\""
		",\"job\":\"x\"},\"annotations\":{\"summary\":\"it's \\u003cdown\\u003e"
		" \\u0026 \\\"out\\\"\"},\"startsAt\":\"2026-11-22T15:45:15Z\",\"endsAt"
		"\":\"0001-01-01T00:00:00Z\",\"generatorURL\":\"http://p/graph?a=b\\u00"
		"26c\",\"fingerprint\":\"4899e0f8a46dfa8e\"}],\"notification_reason\":\""
		"first notification\",\"groupLabels\":{\"alertname\":\"Down\"},\"common"
		"Labels\":{\"alertname\":\"Down\",\"instance\":\"a:1\",\"job\":\"x\"},\""
		"commonAnnotations\":{\"summary\":\"it's \\u003cdown\\u003e \\u0026 \\\""
		"out\\\"\"},\"routeLabels\":{},\"externalURL\":\"http://pi:9093\",\"ver"
		"sion\":\"4\",\"groupKey\":\"{}:{alertname=\\\"Down\\\"}\",\"truncatedA"
		"lerts\":1}\n" },
	{ "webhook",
		"{url: 'http://h/x', payload: {z: '{{ .Alerts | len }}', a: [true, 1.5,"
		" '{{ .Status }}', null, '1'], '{{ .Status }}': '{{ toJson .GroupLabels"
		" }}', e: ''}}",
		"POST http://h/x\n"
		"{\"a\":[true,1.5,\"firing\",null,1],\"e\":\"\",\"firing\":{\"alertname"
		"\":\"Down\"},\"z\":2}\n" },
	{ "slack",
		"{api_url: 'http://h/x', channel: '#{{ .CommonLabels.job }}', text: '{{"
		" len .Alerts }}', message_text: m, link_names: true, short_fields: tru"
		"e, mrkdwn_in: [text], fields: [{title: t, value: '{{ .Status }}'}, {ti"
		"tle: u, value: v, short: false}], actions: [{type: button, text: b, ur"
		"l: 'http://u', name: n}, {type: button, text: c, name: n, value: v, co"
		"nfirm: {text: sure?, ok_text: yes!}}], image_url: i, thumb_url: j}",
		"POST http://h/x\n"
		"{\"channel\":\"#x\",\"username\":\"tolld\",\"link_names\":true,\"text\""
		":\"m\",\"attachments\":[{\"title\":\"[FIRING:1] Down (x)\",\"title_lin"
		"k\":\"http://pi:9093/#/alerts?receiver=team%5C.x\",\"text\":\"2\",\"fa"
		"llback\":\"[FIRING:1] Down (x) | http://pi:9093/#/alerts?receiver=team"
		"%5C.x\",\"callback_id\":\"\",\"fields\":[{\"title\":\"t\",\"value\":\""
		"firing\",\"short\":true},{\"title\":\"u\",\"value\":\"v\",\"short\":fa"
		"lse}],\"actions\":[{\"type\":\"button\",\"text\":\"b\",\"url\":\"http:"
		"//u\"},{\"type\":\"button\",\"text\":\"c\",\"name\":\"n\",\"value\":\""
		"v\",\"confirm\":{\"text\":\"sure?\",\"ok_text\":\"yes!\"}}],\"image_ur"
		"l\":\"i\",\"thumb_url\":\"j\",\"footer\":\"\",\"color\":\"danger\",\"m"
		"rkdwn_in\":[\"text\"]}]}\n" },
	{ "slack",
		"{api_url: 'http://h/x', title: '{{ range .Alerts }}{{ .Labels.instance"
		" }}'}",
		"error: title: unexpected EOF: an {{end}} is missing\n" },
	{ "discord",
		"{webhook_url: 'http://h/x', message: '{{ .CommonAnnotations.summary }}"
		"', username: me, avatar_url: 'http://a'}",
		"POST http://h/x\n"
		"{\"content\":\"\",\"embeds\":[{\"title\":\"[FIRING:1] Down (x)\",\"des"
		"cription\":\"it's \\u003cdown\\u003e \\u0026 \\\"out\\\"\",\"color\":1"
		"0038562}],\"username\":\"me\",\"avatar_url\":\"http://a\"}\n" },
	{ "telegram",
		"{bot_token: 1:tok, chat_id: -5, message: '<b>{{ .CommonAnnotations.sum"
		"mary }}</b>', message_thread_id: 7, disable_notifications: true}",
		"POST https://api.telegram.org/bot1:tok/sendMessage\n"
		"{\"chat_id\":\"-5\",\"disable_notification\":\"true\",\"disable_web_pa"
		"ge_preview\":\"true\",\"message_thread_id\":\"7\",\"parse_mode\":\"HTM"
		"L\",\"text\":\"\\u003cb\\u003eit\\u0026#39;s \\u0026lt;down\\u0026gt; "
		"\\u0026amp; \\u0026#34;out\\u0026#34;\\u003c/b\\u003e\"}\n" },
	{ "telegram",
		"{bot_token: 1:tok, chat_id: 5, api_url: 'http://t', parse_mode: '', me"
		"ssage: '{{ .CommonAnnotations.summary }}'}",
		"POST http://t/bot1:tok/sendMessage\n"
		"{\"chat_id\":\"5\",\"disable_web_page_preview\":\"true\",\"text\":\"it"
		"'s \\u003cdown\\u003e \\u0026 \\\"out\\\"\"}\n" },
	{ "pushover",
		"{user_key: uuuu, token: tttt, message: ' {{ .CommonAnnotations.none }}"
		" ', ttl: 90s, html: true, retry: 1h30m, device: d}",
		"POST https://api.pushover.net/1/messages.json\n"
		"device=d&expire=3600&html=1&message=%28no+details%29&priority=2&retry="
		"5400&sound=&title=%5BFIRING%3A1%5D+Down+%28x%29&token=tttt&ttl=90&url="
		"http%3A%2F%2Fpi%3A9093%2F%23%2Falerts%3Freceiver%3Dteam%255C.x&url_tit"
		"le=&user=uuuu\n" },
	/* YAML's words for truth values are truth values where one is asked for, and texts where a text is. */
	{ "pushover",
		"{user_key: uuuu, token: tttt, title: on, message: Yes, html: YES, monospace: NO, "
		"sound: off, url: n, url_title: y}",
		"POST https://api.pushover.net/1/messages.json\n"
		"device=&expire=3600&html=1&message=Yes&priority=2&retry=60&sound=off&title=on&token=tttt&"
		"url=n&url_title=y&user=uuuu\n" },
	{ "webhook", "{url: 'http://h/x', payload: {a: YES, b: n, c: 'NO', d: Off}}",
		"POST http://h/x\n"
		"{\"a\":true,\"b\":false,\"c\":false,\"d\":false}\n" },
	{ "msteams", "{webhook_url: 'http://h/x', text: t}",
		"POST http://h/x\n"
		"{\"@context\":\"http://schema.org/extensions\",\"type\":\"MessageCard\""
		",\"title\":\"[FIRING:1] Down (x)\",\"summary\":\"[FIRING:1] Down (x)\""
		",\"text\":\"t\",\"themeColor\":\"8C1A1A\"}\n" },
	{ "msteamsv2", "{webhook_url: 'http://h/x', text: t}",
		"POST http://h/x\n"
		"{\"type\":\"message\",\"attachments\":[{\"contentType\":\"application/"
		"vnd.microsoft.card.adaptive\",\"contentUrl\":null,\"content\":{\"$sche"
		"ma\":\"http://adaptivecards.io/schemas/adaptive-card.json\",\"type\":\""
		"AdaptiveCard\",\"version\":\"1.2\",\"body\":[{\"type\":\"TextBlock\",\""
		"text\":\"[FIRING:1] Down (x)\",\"weight\":\"Bolder\",\"size\":\"Medium"
		"\",\"wrap\":true,\"style\":\"heading\",\"color\":\"Attention\"},{\"typ"
		"e\":\"TextBlock\",\"text\":\"t\",\"wrap\":true}],\"msteams\":{\"width\""
		":\"full\"}}}]}\n" },
	{ "opsgenie",
		"{api_key: kkkk, api_url: 'http://o', description: d, source: s, tags: "
		"' a,,b, ', details: {job: '{{ .Status }}', b: c}, responders: [{name: "
		"'x,y', type: teams}, {id: '1', type: user}, {name: '{{ .CommonLabels.n"
		"one }}', type: '{{ .CommonLabels.none }}'}], priority: P1, update_aler"
		"ts: true}",
		"POST http://o/v2/alerts\n"
		"Authorization: GenieKey kkkk\n"
		"{\"alias\":\"af94c9e8f6a3043625e36c6f472fe6be85ac23a9117184ee4cb7b4ad7"
		"401a47e\",\"message\":\"[FIRING:1] Down (x)\",\"description\":\"d\",\""
		"details\":{\"alertname\":\"Down\",\"b\":\"c\",\"job\":\"firing\"},\"so"
		"urce\":\"s\",\"responders\":[{\"name\":\"x\",\"type\":\"team\"},{\"nam"
		"e\":\"y\",\"type\":\"team\"},{\"id\":\"1\",\"type\":\"user\"}],\"tags\""
		":[\"a\",\"b\"],\"priority\":\"P1\"}\n"
		"PUT http://o/v2/alerts/af94c9e8f6a3043625e36c6f472fe6be85ac23a9117184e"
		"e4cb7b4ad7401a47e/message?identifierType=alias\n"
		"Authorization: GenieKey kkkk\n"
		"{\"message\":\"[FIRING:1] Down (x)\"}\n"
		"PUT http://o/v2/alerts/af94c9e8f6a3043625e36c6f472fe6be85ac23a9117184e"
		"e4cb7b4ad7401a47e/description?identifierType=alias\n"
		"Authorization: GenieKey kkkk\n"
		"{\"description\":\"d\"}\n" },
	{ "pagerduty",
		"{routing_key: kkkk, url: 'http://p', details: {firing: '', resolved: x"
		", a: {b: '{{ .Status }}'}}, images: [{src: '', alt: a}, {src: s, alt: "
		"a}], links: [{href: h, text: t}], class: c, client_url: u}",
		"POST http://p\n"
		"{\"routing_key\":\"kkkk\",\"dedup_key\":\"af94c9e8f6a3043625e36c6f472f"
		"e6be85ac23a9117184ee4cb7b4ad7401a47e\",\"event_action\":\"trigger\",\""
		"payload\":{\"summary\":\"[FIRING:1] Down (x)\",\"source\":\"tolld\",\""
		"severity\":\"error\",\"class\":\"c\",\"custom_details\":{\"a\":{\"b\":"
		"\"firing\"},\"firing\":\"\",\"num_firing\":1,\"num_resolved\":1,\"reso"
		"lved\":\"x\"}},\"client\":\"tolld\",\"client_url\":\"u\",\"images\":[{"
		"\"src\":\"s\",\"alt\":\"a\",\"href\":\"\"}],\"links\":[{\"href\":\"h\""
		",\"text\":\"t\"}]}\n" },
	{ "pagerduty", "{service_key: kkkk, details: {firing: f, resolved: r}, client_url: u}",
		"POST https://events.pagerduty.com/generic/2010-04-15/create_event.json"
		"\n"
		"{\"service_key\":\"kkkk\",\"incident_key\":\"af94c9e8f6a3043625e36c6f4"
		"72fe6be85ac23a9117184ee4cb7b4ad7401a47e\",\"event_type\":\"trigger\",\""
		"description\":\"[FIRING:1] Down (x)\",\"event_action\":\"\",\"payload\""
		":null,\"client\":\"tolld\",\"client_url\":\"u\",\"details\":{\"firing\""
		":\"f\",\"num_firing\":1,\"num_resolved\":1,\"resolved\":\"r\"}}\n" },
	{ "pagerduty", "{routing_key: '{{ .CommonLabels.none }}'}",
		"error: routing_key: it cannot be empty\n" },
	{ "victorops",
		"{api_key: kkkk, routing_key: '{{ .CommonLabels.job }}', api_url: 'http"
		"://v', state_message: '', message_type: STRANGE, custom_fields: {event"
		"Type: '{{ .Status }}'}}",
		"POST http://v/kkkk/x\n"
		"{\"entity_display_name\":\"[FIRING:1] Down (x)\",\"entity_id\":\"af94c"
		"9e8f6a3043625e36c6f472fe6be85ac23a9117184ee4cb7b4ad7401a47e\",\"eventT"
		"ype\":\"firing\",\"message_type\":\"CRITICAL\",\"monitoring_tool\":\"t"
		"olld\",\"state_message\":\"\"}\n" },
	{ "webex",
		"{room_id: r, api_url: 'http://w', message: m, http_config: {authorizat"
		"ion: {credentials: x}}}",
		"POST http://w\n"
		"{\"markdown\":\"m\",\"roomId\":\"r\"}\n" },
	{ "wechat",
		"{api_secret: ssss, corp_id: c d, api_url: 'http://w', message_type: ma"
		"rkdown, message: m, to_user: u}",
		"GET http://w/gettoken?corpid=c+d&corpsecret=ssss\n"
		"\n"
		"POST http://w/\n"
		"{\"text\":{\"content\":\"\"},\"touser\":\"u\",\"safe\":\"0\",\"msgtype"
		"\":\"markdown\",\"markdown\":{\"content\":\"m\"}}\n" },
	{ "sns",
		"{topic_arn: 'arn:aws:sns:eu-1:1:t.fifo', message: m, sigv4: {access_ke"
		"y: a, secret_key: b}, attributes: {k: v}}",
		"POST https://sns.eu-1.amazonaws.com/\n"
		"aws:amz:eu-1:sns a b\n"
		"Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aeu-1%3A1%"
		"3At.fifo&Message=m&Subject=%5BFIRING%3A1%5D+Down+%28x%29&MessageDedupl"
		"icationId=af94c9e8f6a3043625e36c6f472fe6be85ac23a9117184ee4cb7b4ad7401"
		"a47e&MessageGroupId=af94c9e8f6a3043625e36c6f472fe6be85ac23a9117184ee4c"
		"b7b4ad7401a47e&MessageAttributes.entry.1.Name=k&MessageAttributes.entr"
		"y.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue="
		"v\n" },
	{ "sns",
		"{phone_number: '1', message: m, subject: '', sigv4: {region: r, access"
		"_key: a, secret_key: b}}",
		"POST https://sns.r.amazonaws.com/\n"
		"aws:amz:r:sns a b\n"
		"Action=Publish&Version=2010-03-31&PhoneNumber=1&Message=m\n" },
	{ "rocketchat",
		"{token: tttt, token_id: i, api_url: 'http://r', channel: c, fields: [{"
		"title: t, value: v, short: true}], actions: [{text: t, url: u, msg: m}"
		"]}",
		"POST http://r/api/v1/chat.postMessage\n"
		"X-Auth-Token: tttt\n"
		"X-User-Id: i\n"
		"{\"channel\":\"c\",\"attachments\":[{\"title\":\"[FIRING:1] Down (x)\""
		",\"title_link\":\"http://pi:9093/#/alerts?receiver=team%5C.x\",\"color"
		"\":\"red\",\"fields\":[{\"short\":true,\"title\":\"t\",\"value\":\"v\""
		"}],\"actions\":[{\"type\":\"button\",\"text\":\"t\",\"url\":\"u\",\"is"
		"_webview\":false,\"msg\":\"m\",\"msg_in_chat_window\":false}]}]}\n" },
	{ "mattermost",
		"{webhook_url: 'http://h/x', text: t, attachments: [{text: a, fields: ["
		"{title: t, value: v}]}], priority: {priority: Urgent, requested_ack: t"
		"rue, persistent_notifications: true}, props: {card: c}}",
		"POST http://h/x\n"
		"{\"text\":\"t\",\"username\":\"tolld\",\"attachments\":[{\"text\":\"a\""
		",\"fields\":[{\"title\":\"t\",\"value\":\"v\"}]}],\"props\":{\"card\":"
		"\"c\"},\"priority\":{\"priority\":\"urgent\",\"requested_ack\":true,\""
		"persistent_notifications\":true}}\n" },
	{ "mattermost",
		"{webhook_url: 'http://h/x', text: t, title: '{{ .Status }}', priority:"
		" {priority: x, requested_ack: true}}",
		"POST http://h/x\n"
		"{\"text\":\"t\",\"username\":\"tolld\",\"attachments\":[{\"title\":\"f"
		"iring\"}],\"priority\":{\"priority\":\"standard\"}}\n" },
	{ "incidentio", "{url: 'http://h', alert_source_token: t, max_alerts: 1e0}",
		"POST http://h\n"
		"{\"receiver\":\"team\\\\.x\",\"status\":\"firing\",\"alerts\":[{\"stat"
		"us\":\"firing\",\"labels\":{\"alertname\":\"Down\",\"instance\":\"a:1\""
		",\"job\":\"x\"},\"annotations\":{\"summary\":\"it's \\u003cdown\\u003e"
		" \\u0026 \\\"out\\\"\"},\"startsAt\":\"2026-11-22T15:45:15Z\",\"endsAt"
		"\":\"0001-01-01T00:00:00Z\",\"generatorURL\":\"http://p/graph?a=b\\u00"
		"26c\",\"fingerprint\":\"4899e0f8a46dfa8e\"}],\"notification_reason\":\""
		"first notification\",\"groupLabels\":{\"alertname\":\"Down\"},\"common"
		"Labels\":{\"alertname\":\"Down\",\"instance\":\"a:1\",\"job\":\"x\"},\""
		"commonAnnotations\":{\"summary\":\"it's \\u003cdown\\u003e \\u0026 \\\""
		"out\\\"\"},\"routeLabels\":{},\"externalURL\":\"http://pi:9093\",\"ver"
		"sion\":\"1\",\"groupKey\":\"{}:{alertname=\\\"Down\\\"}\",\"truncatedA"
		"lerts\":1}\n" },
};

static void services_are_sent_what_alertmanager_sends_them(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(firing_rows); i++)
		check(&firing_rows[i], true);
}

static void services_are_told_when_all_is_over(void **state)
{
	static const struct payload_row rows[] = {
		{ "slack", "{api_url: 'http://h/x', title: t, title_link: '', fallback: ''}",
			"POST http://h/x\n"
			"{\"username\":\"tolld\",\"attachments\":[{\"title\":\"t\",\"text\":\"\","
			"\"fallback\":\"\",\"callback_id\":\"\",\"footer\":\"\",\"color\":\"good\","
			"\"mrkdwn_in\":[\"fallback\",\"pretext\",\"text\"]}]}\n" },
		{ "discord", "{webhook_url: 'http://h', title: t, message: m}",
			"POST http://h\n{\"content\":\"\",\"embeds\":[{\"title\":\"t\","
			"\"description\":\"m\",\"color\":3066993}]}\n" },
		{ "opsgenie", "{api_key: kkkk, source: s, update_alerts: true}",
			"POST https://api.opsgenie.com/v2/alerts/af94c9e8f6a3043625e36c6f472fe6be85"
			"ac23a9117184ee4cb7b4ad7401a47e/close?identifierType=alias\n"
			"Authorization: GenieKey kkkk\n{\"source\":\"s\"}\n" },
		{ "pagerduty", "{service_key: kkkk, details: {firing: f, resolved: r}}",
			"POST https://events.pagerduty.com/generic/2010-04-15/create_event.json\n"
			"{\"service_key\":\"kkkk\",\"incident_key\":\"af94c9e8f6a3043625e36c6f472fe6b"
			"e85ac23a9117184ee4cb7b4ad7401a47e\",\"event_type\":\"resolve\","
			"\"description\":\"[RESOLVED] Down (b:1 x)\",\"event_action\":\"\","
			"\"payload\":null,\"details\":{\"firing\":\"f\",\"num_firing\":0,"
			"\"num_resolved\":1,\"resolved\":\"r\"}}\n" },
		{ "victorops",
			"{api_key: kkkk, routing_key: r, state_message: s, message_type: INFO}",
			"POST https://alert.victorops.com/integrations/generic/20131114/alert/kkkk/r\n"
			"{\"entity_display_name\":\"[RESOLVED] Down (b:1 x)\",\"entity_id\":\"af94c9e8"
			"f6a3043625e36c6f472fe6be85ac23a9117184ee4cb7b4ad7401a47e\","
			"\"message_type\":\"RECOVERY\",\"monitoring_tool\":\"tolld\","
			"\"state_message\":\"s\"}\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check(&rows[i], false);
}

/* -- answers ----------------------------------------------------------------------------------- */

struct answer_row {
	const char *type, *item;
	long status;
	const char *content_type, *body;
	enum delivery_result result;
	const char *words;
};

/* `error`: why the answer broke off, or NULL. */
static void assert_judged(const struct answer_row *row, const char *error)
{
	const struct client_answer answer = { .error = error,
		.status = row->status,
		.content_type = row->content_type,
		.body = row->body,
		.len = strlen(row->body) };
	struct config *config = config_with(row->type, row->item);
	struct notification *n = notification_of(true);
	char words[400];
	struct payload p;

	payload_render(&p, &config->receivers[0].integrations[0], n, &fixture_options,
		fixture_templates());
	assert_int_equal(payload_judge(&p, 0, &answer, words, sizeof(words)), row->result);
	assert_string_equal(words, row->words);
	payload_release(&p);
	notification_unref(n);
	config_unref(config);
}

static void answers_are_judged_as_the_service_means_them(void **state)
{
#define WEBHOOK	   "webhook", "{url: 'http://h/secretpath'}"
#define SLACK	   "slack", "{api_url: 'http://h'}"
#define SLACK_HUSH "slack", "{api_url: 'http://h/hushhush'}"
	static const struct answer_row rows[] = {
		{ WEBHOOK, 200, "", "whatever", DELIVERY_SENT, "" },
		{ WEBHOOK, 204, "", "", DELIVERY_SENT, "" },
		{ WEBHOOK, 302, "", "", DELIVERY_REFUSED, "unexpected status code 302" },
		{ WEBHOOK, 400, "", "no\r\nheader: x", DELIVERY_REFUSED,
			"unexpected status code 400: no header: x" },
		{ WEBHOOK, 429, "", "slow", DELIVERY_REFUSED, "unexpected status code 429: slow" },
		{ WEBHOOK, 500, "", "http://h/secretpath failed", DELIVERY_RETRY,
			"unexpected status code 500: <secret> failed" },
		{ WEBHOOK, 404, "", "Cannot POST /secretpath", DELIVERY_REFUSED,
			"unexpected status code 404: Cannot POST <secret>" },
		{ "webhook", "{url: 'http://h/hook/?key=hush'}", 404, "", "no key=hush at /hook/",
			DELIVERY_REFUSED, "unexpected status code 404: no <secret> at <secret>" },
		{ "webhook", "{url: 'http://h/'}", 404, "", "no / here", DELIVERY_REFUSED,
			"unexpected status code 404: no / here" },
		{ WEBHOOK, 503, "", "", DELIVERY_RETRY, "unexpected status code 503" },
		{ "opsgenie", "{api_key: kkkk}", 429, "", "", DELIVERY_RETRY,
			"unexpected status code 429" },
		{ "pagerduty", "{service_key: kkkk}", 403, "", "", DELIVERY_RETRY,
			"unexpected status code 403" },
		{ "incidentio", "{url: 'http://h', alert_source_token: t}", 429, "", "",
			DELIVERY_RETRY, "unexpected status code 429" },
		{ SLACK, 200, "text/html", "ok", DELIVERY_SENT, "" },
		{ SLACK, 200, "text/html", "no_team", DELIVERY_REFUSED, "refused: no_team" },
		{ SLACK, 200, "application/json; charset=utf-8", "{\"ok\":true}", DELIVERY_SENT,
			"" },
		{ SLACK, 200, "application/json", "{\"ok\":false,\"error\":\"channel_not_found\"}",
			DELIVERY_REFUSED, "refused: channel_not_found" },
		{ SLACK, 200, "application/json", "<html>", DELIVERY_RETRY,
			"the answer is no JSON: <html>" },
		{ "rocketchat", "{token: tttt, token_id: i}", 200, "", "{\"success\":true}",
			DELIVERY_SENT, "" },
		{ "rocketchat", "{token: tttt, token_id: i}", 200, "",
			"{\"success\":false,\"error\":\"no\"}", DELIVERY_REFUSED, "refused: no" },
		{ "telegram", "{bot_token: tttt, chat_id: 1}", 200, "",
			"{\"ok\":true,\"result\":{}}", DELIVERY_SENT, "" },
		{ "telegram", "{bot_token: tttt, chat_id: 1}", 400, "",
			"{\"ok\":false,\"description\":\"chat not found\"}", DELIVERY_RETRY,
			"unexpected status code 400: {\"ok\":false,\"description\":\"chat not "
			"found\"}" },
		/* What JSON writes another way is the same; what was refused is told from the rest. */
		{ SLACK_HUSH, 200, "application/json",
			"{\"ok\":false,\"error\":\"no \\/h\\u0075shhush\"}", DELIVERY_REFUSED,
			"refused: no <secret>" },
		{ "telegram", "{bot_token: 'true', chat_id: 1}", 200, "", "{\"ok\":true}",
			DELIVERY_SENT, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_judged(&rows[i], NULL);
}

/* A good status counts, whatever becomes of what follows, where nothing in it counts, too. */
static void an_answer_that_broke_off_is_judged_by_what_came(void **state)
{
	static const struct answer_row rows[] = {
		{ WEBHOOK, 200, "", "hal", DELIVERY_SENT, "" },
		{ WEBHOOK, 0, "", "", DELIVERY_RETRY, "timed out" },
		{ WEBHOOK, 100, "", "", DELIVERY_RETRY, "timed out" },
		{ WEBHOOK, 307, "", "", DELIVERY_RETRY, "timed out" },
		{ WEBHOOK, 500, "", "hal", DELIVERY_RETRY, "timed out" },
		{ SLACK, 200, "text/html", "ok", DELIVERY_SENT, "" },
		{ SLACK, 200, "text/html", "o", DELIVERY_RETRY, "timed out" },
		{ "telegram", "{bot_token: tttt, chat_id: 1}", 200, "", "{\"ok\":tr",
			DELIVERY_RETRY, "timed out" },
		{ "wechat", "{corp_id: c, api_secret: ssss}", 200, "", "{\"access_token\":\"t\"}",
			DELIVERY_RETRY, "timed out" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_judged(&rows[i], "timed out");
}

static void wechat_takes_its_token_from_one_answer_to_the_next_request(void **state)
{
	static const struct answer_row rows[] = {
		{ "token", NULL, 200, "", "{\"access_token\":\"a b\"}", DELIVERY_SENT, "" },
		{ "token", NULL, 200, "", "{\"errcode\":40013}", DELIVERY_REFUSED,
			"no access_token was given: is api_secret that of corp_id?" },
		{ "token", NULL, 400, "", "", DELIVERY_RETRY, "unexpected status code 400" },
		{ "message", NULL, 200, "", "{\"errcode\":0,\"errmsg\":\"ok\"}", DELIVERY_SENT,
			"" },
		{ "message", NULL, 200, "", "{\"errcode\":42001,\"errmsg\":\"expired\"}",
			DELIVERY_RETRY, "refused: expired" },
		{ "message", NULL, 200, "", "{\"errcode\":1,\"errmsg\":\"no user\"}",
			DELIVERY_REFUSED, "refused: no user" },
	};
	struct config *config =
		config_with("wechat", "{api_secret: ssss, corp_id: c, api_url: 'http://w'}");
	struct notification *n = notification_of(true);
	char words[400];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct client_answer answer = { .status = rows[i].status,
			.content_type = "",
			.body = rows[i].body,
			.len = strlen(rows[i].body) };
		bool token = streq(rows[i].type, "token");
		struct payload p;

		payload_render(&p, &config->receivers[0].integrations[0], n, &fixture_options,
			fixture_templates());
		assert_int_equal(payload_judge(&p, token ? 0 : 1, &answer, words, sizeof(words)),
			rows[i].result);
		assert_string_equal(words, rows[i].words);
		if (token && rows[i].result == DELIVERY_SENT)
			assert_string_equal(
				p.requests[1].url, "http://w/message/send?access_token=a+b");
		payload_release(&p);
	}
	notification_unref(n);
	config_unref(config);
}

/* -- limits ------------------------------------------------------------------------------------ */

static void what_is_too_long_is_cut_where_the_service_cuts(void **state)
{
	struct config *config = config_with("slack", "{api_url: 'http://h'}");
	struct notification *n = notification_of(true);
	struct payload p;

	payload_render(&p, &config->receivers[0].integrations[0], n, &fixture_options,
		fixture_templates());
	assert_string_equal(payload_cut(&p, "äöü", 3), "äöü");
	assert_string_equal(payload_cut(&p, "äöüß", 3), "äö…");
	assert_string_equal(payload_cut(&p, "", 3), "");
	assert_string_equal(payload_cut_bytes(&p, "äöü", 6), "äöü");
	assert_string_equal(payload_cut_bytes(&p, "äöüß", 7), "äö…");
	assert_string_equal(payload_cut_bytes(&p, "äöüß", 6), "ä…");
	payload_release(&p);
	notification_unref(n);
	config_unref(config);
}

/* A secret may be a template, and what it becomes a header. */
static void a_label_adds_no_header(void **state)
{
	struct config *config = config_with("opsgenie", "{api_key: 'k{{ .CommonLabels.team }}'}");
	struct notification *n = fixture_group(LABELS("alertname", "Down"));
	struct payload p;

	fixture_add(n, LABELS("alertname", "Down", "team", "a\r\nX-Other: b"), NULL, AT_WALL_MS, 0);
	assert_int_equal(payload_render(&p, &config->receivers[0].integrations[0], n,
				 &fixture_options, fixture_templates()),
		-EINVAL);
	assert_string_equal(p.error, "the api_key has more than one line");
	payload_release(&p);
	notification_unref(n);
	config_unref(config);
}

static void html_that_is_cut_is_html(void **state)
{
	static const struct {
		const char *html;
		size_t runes;
		const char *cut;
	} rows[] = {
		{ "<b>abc</b>", 10, "<b>abc</b>" },
		{ "<b>abcdef</b>", 12, "<b>abcd…</b>" },
		{ "<b>abcdef</b>", 8, "<b>…</b>" },
		{ "<b>abcdef</b>", 7, "…" },
		{ "<b>äöü</b> äöüß", 13, "<b>äöü</b> ä…" },
		{ "a&amp;b &#34;c&#34;", 16, "a&amp;b &#34;c…" },
		{ "a&amp;b &#34;c&#34;", 12, "a&amp;b …" },
		{ "a & b; c", 6, "a & b…" },
		{ "a <i>b <u>c</u> d</i> e", 18, "a <i>b …</i>" },
		{ "a <i>b <u>c</u> d</i> e", 22, "a <i>b <u>c</u> d</i>…" },
		{ "<a href=\"x>y\">z z z</a>", 22, "<a href=\"x>y\">z z…</a>" },
		{ "a<br>b<br/>c", 11, "a<br>b…" },
		{ "a <b", 3, "a …" },
		{ "", 4, "" },
	};
	struct config *config = config_with("slack", "{api_url: 'http://h'}");
	struct notification *n = notification_of(true);
	struct payload p;

	payload_render(&p, &config->receivers[0].integrations[0], n, &fixture_options,
		fixture_templates());
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(payload_cut_html(&p, rows[i].html, rows[i].runes), rows[i].cut);
	payload_release(&p);
	notification_unref(n);
	config_unref(config);
}

/* A flood is when it matters that the message is taken, wherever it happens to be cut. */
static void telegram_takes_what_is_too_long(void **state)
{
	struct notification *n = fixture_group(LABELS("alertname", "Down"));
	char name[32], settings[300];

	for (int i = 0; i < 250; i++) {
		snprintf(name, sizeof(name), "%d", i);
		fixture_add(n, LABELS("alertname", "Down", "instance", name),
			LABELS("summary", "it's \"out\""), AT_WALL_MS, 0);
	}
	for (int pad = 0; pad < 40; pad++) {
		struct config *config;
		struct payload p;
		const char *body;

		snprintf(settings, sizeof(settings),
			"{bot_token: '1:tok', chat_id: 1, message: '%.*s{{ range .Alerts }}"
			"{{ .Annotations.summary }} {{ end }}'}",
			pad, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
		config = config_with("telegram", settings);
		assert_int_equal(payload_render(&p, &config->receivers[0].integrations[0], n,
					 &fixture_options, fixture_templates()),
			0);
		body = p.requests[0].body.s;
		assert_non_null(strstr(body, "…"));
		while ((body = strstr(body, "\\u0026"))) {
			body += strlen("\\u0026");
			assert_true(starts_with(body, "#34;") || starts_with(body, "#39;"));
		}
		payload_release(&p);
		config_unref(config);
	}
	notification_unref(n);
}

/* What PagerDuty would refuse for its size goes out without the details. */
static void large_details_are_left_out(void **state)
{
	struct config *config = config_with("pagerduty", "{routing_key: kkkk}");
	struct notification *n = fixture_group(LABELS("alertname", "Down"));
	char name[32], *filler = calloc(1, 2001);
	struct payload p;

	assert_non_null(filler);
	memset(filler, 'x', 2000);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "%d", i);
		fixture_add(n, LABELS("alertname", "Down", "i", name), LABELS("a", filler),
			AT_WALL_MS, 0);
	}
	assert_int_equal(payload_render(&p, &config->receivers[0].integrations[0], n,
				 &fixture_options, fixture_templates()),
		0);
	assert_true(p.requests[0].body.len < 2000);
	assert_non_null(strstr(p.requests[0].body.s, "\"custom_details\":{\"error\":\"Custom "
						     "details have been removed because"));
	payload_release(&p);
	notification_unref(n);
	config_unref(config);
	free(filler);
}

/* Braces in a label are no template, wherever the label goes. */
static void labels_are_never_executed(void **state)
{
	static const char *const items[][2] = {
		{ "pagerduty", "{routing_key: kkkk}" },
		{ "webhook", "{url: 'http://h', payload: {a: '{{ toJson .Alerts }}'}}" },
		{ "slack", "{api_url: 'http://h', text: '{{ .CommonLabels.evil }}'}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		struct config *config = config_with(items[i][0], items[i][1]);
		struct notification *n = fixture_group(LABELS("alertname", "Down"));
		struct payload p;

		fixture_add(n, LABELS("alertname", "Down", "evil", "{{ .Nothing }}{{ end"),
			LABELS("x", "y"), AT_WALL_MS, 0);
		assert_int_equal(payload_render(&p, &config->receivers[0].integrations[0], n,
					 &fixture_options, fixture_templates()),
			0);
		assert_non_null(strstr(p.requests[0].body.s, "{{ .Nothing }}{{ end"));
		payload_release(&p);
		notification_unref(n);
		config_unref(config);
	}
}

struct rendering {
	struct config *config;
	struct notification *n;
};

/* A label of a route may need another one, and is not asked to need itself. */
static void routes_say_something_of_themselves(void **state)
{
	static const char settings[] =
		"route:\n  receiver: r\n"
		"  labels: {reason: '{{ .GroupLabels.alertname }}', text: 'for {{ routeLabels "
		"\"reason\" }}!', plain: p, loop: '{{ routeLabels \"loop\" }}'}\n"
		"  routes:\n  - labels: {reason: 'x {{ .Status }}', loop: ''}\n    matchers: [a=b]\n"
		"receivers: [{name: r, webhook_configs: [{url: 'http://h', payload: '{{ toJson "
		".RouteLabels }} {{ routeLabels \"text\" }} {{ routeLabels \"none\" }}'}]}]\n";
	struct config *config = NULL;
	struct diag diag = DIAG_INIT;
	struct notification *n = notification_of(true);
	struct payload p;

	assert_int_equal(config_load_text("t.yml", settings, &config, &diag), 0);
	for (int i = 0; i < 2; i++) {
		const struct config_pairs *pairs =
			i ? &config->route->routes[0].labels : &config->route->labels;
		struct labels_builder b = LABELS_BUILDER_INIT;

		for (size_t k = 0; k < pairs->n; k++)
			labels_builder_set(&b, pairs->items[k].name.s, pairs->items[k].value.s);
		labels_unref(n->route_labels);
		assert_int_equal(labels_build(&b, &n->route_labels), 0);
		payload_render(&p, &config->receivers[0].integrations[0], n, &fixture_options,
			fixture_templates());
		if (i)
			assert_string_equal(p.requests[0].body.s,
				"\"{\\\"plain\\\":\\\"p\\\",\\\"reason\\\":\\\"x firing\\\","
				"\\\"text\\\":\\\"for x firing!\\\"} for x firing! \"");
		else
			assert_non_null(strstr(p.error, "calling routeLabels: the labels of the "
							"route need each other"));
		payload_release(&p);
	}
	notification_unref(n);
	config_unref(config);
	diag_release(&diag);
}

static int render_once(void *userdata)
{
	const struct rendering *r = userdata;
	struct payload p;
	int err;

	err = payload_render(&p, &r->config->receivers[0].integrations[0], r->n, &fixture_options,
		fixture_templates());
	payload_release(&p);
	return err;
}

static void survives_every_failing_allocation(void **state)
{
	static const char *const items[][2] = {
		{ "opsgenie", "{api_key: kkkk, tags: 'a,b', details: {a: b}}" },
		{ "webhook", "{url: 'http://h', payload: {a: '{{ toJson .GroupLabels }}'}}" },
		{ "sns", "{phone_number: '1', sigv4: {region: r, access_key: a, secret_key: b}}" },
	};

	fixture_templates();
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		struct rendering r = { config_with(items[i][0], items[i][1]),
			notification_of(true) };

		with_failing_allocations(render_once, &r);
		notification_unref(r.n);
		config_unref(r.config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_are_sent_what_alertmanager_sends_them),
		cmocka_unit_test(services_are_told_when_all_is_over),
		cmocka_unit_test(answers_are_judged_as_the_service_means_them),
		cmocka_unit_test(an_answer_that_broke_off_is_judged_by_what_came),
		cmocka_unit_test(wechat_takes_its_token_from_one_answer_to_the_next_request),
		cmocka_unit_test(what_is_too_long_is_cut_where_the_service_cuts),
		cmocka_unit_test(a_label_adds_no_header),
		cmocka_unit_test(html_that_is_cut_is_html),
		cmocka_unit_test(telegram_takes_what_is_too_long),
		cmocka_unit_test(large_details_are_left_out),
		cmocka_unit_test(labels_are_never_executed),
		cmocka_unit_test(routes_say_something_of_themselves),
		cmocka_unit_test(survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
