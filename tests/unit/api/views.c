/* Rules, alerts, targets and services: the shapes that clients of Prometheus read, and ours. */
#include "world.h"

static struct config_pair severity[] = { { .name = { .s = (char *)"severity" },
	.value = { .s = (char *)"page" } } };
static struct config_pair summary[] = { { .name = { .s = (char *)"summary" },
	.value = { .s = (char *)"<b>{{ $value }}" } } };
static const struct config_pairs labels = { .items = severity, .n = 1 };
static const struct config_pairs annotations = { .items = summary, .n = 1 };
static const struct config_pairs none;

static struct labels *alert_labels, *alert_annotations;
static struct rule_alert_info alerts[2];
static struct rule_info rules[3];

static void add_rules(struct world *w)
{
	alert_labels =
		labels_new(2, (const char *const[][2]){ { "alertname", "Down" }, { "job", "a" } });
	alert_annotations =
		labels_new(1, (const char *const[][2]){ { "cause", "killed by SIGKILL" } });
	alerts[0] = (struct rule_alert_info){ .labels = alert_labels,
		.annotations = alert_annotations,
		.state = RULE_FIRING,
		.active_wall_ms = NOW_WALL_MS - 250,
		.value = 1000 };
	alerts[1] = (struct rule_alert_info){ .labels = alert_labels,
		.annotations = alert_annotations,
		.state = RULE_PENDING,
		.active_wall_ms = NOW_WALL_MS,
		.value = 0,
		.keep_firing_since_wall_ms = NOW_WALL_MS };
	rules[0] = (struct rule_info){ .name = "a:b",
		.query = "up",
		.health = RULE_HEALTH_OK,
		.labels = &none,
		.last_wall_ms = NOW_WALL_MS,
		.duration_ns = 1500000 };
	rules[1] = (struct rule_info){ .name = "Down",
		.query = "up == 0",
		.alerting = true,
		.state = RULE_FIRING,
		.health = RULE_HEALTH_ERR,
		.last_error = "no <such> thing",
		.for_ms = 1500,
		.labels = &labels,
		.annotations = &annotations,
		.alerts = alerts,
		.n_alerts = 2 };
	rules[2] = (struct rule_info){ .name = "Never",
		.query = "up == 7",
		.alerting = true,
		.state = RULE_UNKNOWN,
		.labels = &none,
		.annotations = &none };
	w->rules.groups[0] = (struct group_info){ .name = "g",
		.file = "r.yml",
		.interval_ms = 15000,
		.limit = 5,
		.last_wall_ms = NOW_WALL_MS,
		.duration_ns = 2000000,
		.rules = rules,
		.n_rules = 2 };
	w->rules.groups[1] = (struct group_info){
		.name = "h", .file = "r.yml", .interval_ms = 60000, .rules = &rules[2], .n_rules = 1
	};
	w->rules.n = 2;
}

static void begin(struct world *w)
{
	world_begin(w);
	add_rules(w);
}

static void end(struct world *w)
{
	world_end(w);
	labels_unref(alert_labels);
	labels_unref(alert_annotations);
}

#define ALERT_FIRING                                                                               \
	"{'labels':{'alertname':'Down','job':'a'},'annotations':{'cause':'killed by SIGKILL'},"    \
	"'state':'firing','activeAt':'2026-11-22T15:46:25.000Z','value':'1e+03'}"
#define ALERT_PENDING                                                                              \
	"{'labels':{'alertname':'Down','job':'a'},'annotations':{'cause':'killed by SIGKILL'},"    \
	"'state':'pending','activeAt':'2026-11-22T15:46:25.250Z',"                                 \
	"'keepFiringSince':'2026-11-22T15:46:25.250Z','value':'0e+00'}"
#define RULE_RECORDING                                                                             \
	"{'name':'a:b','query':'up','health':'ok','evaluationTime':0.0015,"                        \
	"'lastEvaluation':'2026-11-22T15:46:25.250Z','type':'recording'}"
#define RULE_DOWN(alerts_)                                                                         \
	"{'state':'firing','name':'Down','query':'up == 0','duration':1.5,'keepFiringFor':0,"      \
	"'labels':{'severity':'page'},'annotations':{'summary':'<b>{{ $value }}'},"                \
	"'alerts':[" alerts_ "],'health':'err','lastError':'no <such> thing','evaluationTime':0,"  \
	"'lastEvaluation':'0001-01-01T00:00:00Z','type':'alerting'}"
#define RULE_NEVER                                                                                 \
	"{'state':'unknown','name':'Never','query':'up == 7','duration':0,'keepFiringFor':0,"      \
	"'labels':{},'annotations':{},'alerts':[],'health':'unknown','evaluationTime':0,"          \
	"'lastEvaluation':'0001-01-01T00:00:00Z','type':'alerting'}"
#define GROUP_G(rules_)                                                                            \
	"{'name':'g','file':'r.yml','rules':[" rules_ "],'interval':15,'limit':5,"                 \
	"'evaluationTime':0.002,'lastEvaluation':'2026-11-22T15:46:25.250Z'}"
#define GROUP_H                                                                                    \
	"{'name':'h','file':'r.yml','rules':[" RULE_NEVER "],'interval':60,'limit':0,"             \
	"'evaluationTime':0,'lastEvaluation':'0001-01-01T00:00:00Z'}"
#define ALL_ALERTS ALERT_FIRING "," ALERT_PENDING

static void shows_rules_and_alerts(void **state)
{
	struct world w;

	begin(&w);
	assert_data(&w, "/api/v1/rules",
		"{'groups':[" GROUP_G(RULE_RECORDING "," RULE_DOWN(ALL_ALERTS)) "," GROUP_H "]}");
	assert_data(&w, "/api/v1/alerts", "{'alerts':[" ALL_ALERTS "]}");
	end(&w);
}

static void filters_rules(void **state)
{
	static const struct {
		const char *params, *groups;
	} rows[] = {
		{ "type=record", GROUP_G(RULE_RECORDING) },
		{ "type=alert", GROUP_G(RULE_DOWN(ALL_ALERTS)) "," GROUP_H },
		{ "type=Record", GROUP_G(RULE_RECORDING) },
		{ "exclude_alerts=tRuE&rule_name[]=Never", GROUP_H },
		{ "exclude_alerts=true", GROUP_G(RULE_RECORDING "," RULE_DOWN("")) "," GROUP_H },
		{ "rule_name[]=Never", GROUP_H },
		{ "rule_name[]=Never&rule_name[]=a:b", GROUP_G(RULE_RECORDING) "," GROUP_H },
		{ "rule_group[]=h", GROUP_H },
		{ "file[]=other.yml", "" },
		{ "match[]={severity='page'}", GROUP_G(RULE_DOWN(ALL_ALERTS)) },
		{ "match[]={severity='mail'}", "" },
	};
	struct world w;

	begin(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strbuf uri = STRBUF_INIT, want = STRBUF_INIT;

		strbuf_addf(&uri, "/api/v1/rules?%s", rows[i].params);
		strbuf_addf(&want, "{'groups':[%s]}", rows[i].groups);
		assert_data(&w, uri.s, want.s);
		strbuf_release(&uri);
		strbuf_release(&want);
	}
	assert_error(&w, "GET", "/api/v1/rules?type=x", 400, "bad_data",
		"invalid parameter \"type\": not supported value \"x\"");
	assert_error(&w, "GET", "/api/v1/rules?group_next_token=12", 400, "bad_data",
		"invalid parameter \"group_next_token\": group_limit needs to be set in order to "
		"paginate over the groups");
	assert_error(&w, "GET", "/api/v1/rules?group_limit=0", 400, "bad_data",
		"invalid parameter \"group_limit\": group_limit needs to be greater than 0");
	assert_error(&w, "GET", "/api/v1/rules?group_limit=1&group_next_token=12", 400, "bad_data",
		"invalid parameter \"group_next_token\": the group is gone, start again without it");
	assert_error(&w, "GET", "/api/v1/rules?match[]=a[", 400, "bad_data",
		"1:3: parse error: unexpected end of input in duration expression");
	w.rules.err = -ENOMEM;
	assert_error(&w, "GET", "/api/v1/rules", 500, "internal", "Cannot allocate memory");
	end(&w);
}

static void gives_rules_page_by_page(void **state)
{
	struct strbuf uri = STRBUF_INIT;
	json_t *root, *data;
	struct world w;

	begin(&w);
	root = ask_json(&w, "GET", "/api/v1/rules?group_limit=1", NULL, 200);
	data = json_object_get(root, "data");
	assert_int_equal(json_array_size(json_object_get(data, "groups")), 1);
	strbuf_addf(&uri, "/api/v1/rules?group_limit=1&group_next_token=%s",
		json_string_value(json_object_get(data, "groupNextToken")));
	json_decref(root);
	assert_data(&w, uri.s, "{'groups':[" GROUP_H "]}");
	w.rules.n = 1;
	json_decref(ask_json(&w, "GET", uri.s, NULL, 400));
	strbuf_release(&uri);
	end(&w);
}

static void shows_targets(void **state)
{
	struct labels *discovered =
		labels_new(1, (const char *const[][2]){ { "__address__", "h:1" } });
	struct labels *own =
		labels_new(2, (const char *const[][2]){ { "instance", "h:1" }, { "job", "j" } });
	struct world w;

	world_begin(&w);
	w.scrape.targets[0].info = (struct target_info){ .job = "j",
		.address = "h:1",
		.url = "http://h:1/metrics",
		.labels = own,
		.discovered = discovered,
		.interval_ms = 15000,
		.timeout_ms = 10000,
		.last_wall_ms = NOW_WALL_MS,
		.last_duration_ns = 2500000,
		.last_error = "server returned HTTP status 404 <Not Found>" };
	w.scrape.targets[1].info = (struct target_info){ .job = "k",
		.address = "h:2",
		.url = "http://h:2/metrics",
		.labels = own,
		.discovered = discovered,
		.interval_ms = 60000,
		.timeout_ms = 10000,
		.up = -1 };
	w.scrape.n = 2;
	assert_data(&w, "/api/v1/targets?scrapePool=j",
		"{'activeTargets':[{'discoveredLabels':{'__address__':'h:1'},'labels':{'instance':'h:1',"
		"'job':'j'},'scrapePool':'j','scrapeUrl':'http://h:1/metrics','globalUrl':"
		"'http://h:1/metrics','lastError':'server returned HTTP status 404 <Not Found>',"
		"'lastScrape':'2026-11-22T15:46:25.250Z','lastScrapeDuration':0.0025,'health':'down',"
		"'scrapeInterval':'15s','scrapeTimeout':'10s'}],'droppedTargets':[],"
		"'droppedTargetCounts':{}}");
	assert_data(&w, "/api/v1/targets?scrapePool=k",
		"{'activeTargets':[{'discoveredLabels':{'__address__':'h:1'},'labels':{'instance':'h:1',"
		"'job':'j'},'scrapePool':'k','scrapeUrl':'http://h:2/metrics','globalUrl':"
		"'http://h:2/metrics','lastError':'','lastScrape':'0001-01-01T00:00:00Z',"
		"'lastScrapeDuration':0,'health':'unknown','scrapeInterval':'1m','scrapeTimeout':'10s'}],"
		"'droppedTargets':[],'droppedTargetCounts':{}}");
	assert_data(&w, "/api/v1/targets?state=dropped",
		"{'activeTargets':[],'droppedTargets':[],'droppedTargetCounts':{}}");
	w.scrape.n = 0;
	w.scrape.n_dropped = 3;
	for (size_t i = 0; i < 3; i++)
		w.scrape.dropped[i] = (struct dropped_target){ i < 2 ? "j" : "k", discovered };
	/* More were dropped than are kept. */
	w.scrape.pools[0] = (struct pool_info){ "k", 0, 1 };
	w.scrape.pools[1] = (struct pool_info){ "j", 0, 20 };
	w.scrape.n_pools = 2;
	assert_data(&w, "/api/v1/scrape_pools", "{'scrapePools':['j','k']}");
	assert_data(&w, "/api/v1/targets?scrapePool=k",
		"{'activeTargets':[],'droppedTargets':[{'discoveredLabels':{'__address__':'h:1'},"
		"'scrapePool':'k'}],'droppedTargetCounts':{'j':20,'k':1}}");
	assert_data(&w, "/api/v1/targets?state=active",
		"{'activeTargets':[],'droppedTargets':[],'droppedTargetCounts':{'j':20,'k':1}}");
	world_end(&w);
	labels_unref(own);
	labels_unref(discovered);
}

/* The jobs in the order they are shown, or the global URLs: one text. */
static void assert_targets(struct world *w, const char *uri, const char *field, const char *want)
{
	json_t *root = ask_json(w, "GET", uri, NULL, 200), *target;
	struct strbuf got = STRBUF_INIT;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(root, "data"), "activeTargets"), i,
		target) strbuf_addf(&got, "%s ", json_string_value(json_object_get(target, field)));
	assert_string_equal(got.s, want);
	strbuf_release(&got);
	json_decref(root);
}

static void targets_are_shown_as_others_reach_them(void **state)
{
	static const struct {
		const char *job, *url;
	} rows[] = {
		{ "z", "http://localhost:9100/metrics" },
		{ "b", "https://[::1]:9101" },
		{ "a", "http://127.0.0.1:9102/m?x=localhost:1" },
		{ "b", "http://127.0.0.2:9103/metrics" },
		{ "a", "http://localhost/metrics" },
	};
	struct world w;

	world_begin(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		w.scrape.targets[i].info =
			(struct target_info){ .job = rows[i].job, .url = rows[i].url };
	w.scrape.n = ARRAY_SIZE(rows);
	assert_targets(&w, "/api/v1/targets?state=Any", "scrapePool", "a a b b z ");
	assert_targets(&w, "/api/v1/targets?state=ACTIVE", "globalUrl",
		"http://127.0.0.1:9102/m?x=localhost:1 http://localhost/metrics https://[::1]:9101 "
		"http://127.0.0.2:9103/metrics http://localhost:9100/metrics ");
	w.api->options.external_url = "https://pi.example:8443/tolld";
	assert_targets(&w, "/api/v1/targets?state=", "globalUrl",
		"http://pi.example:9102/m?x=localhost:1 http://localhost/metrics "
		"https://pi.example:9101 http://127.0.0.2:9103/metrics "
		"http://pi.example:9100/metrics ");
	/* Without a port of its own it cannot be told what belongs to the host. */
	w.api->options.external_url = "https://pi.example";
	assert_targets(
		&w, "/api/v1/targets?scrapePool=z", "globalUrl", "http://localhost:9100/metrics ");
	assert_targets(&w, "/api/v1/targets?state=other", "globalUrl", "");
	w.api->options.external_url = NULL;
	world_end(&w);
}

static void a_group_gives_its_labels_to_its_rules(void **state)
{
	struct config_pair of_group[] = { { { .s = (char *)"team" }, { .s = (char *)"home" } },
		{ { .s = (char *)"severity" }, { .s = (char *)"mail" } } };
	const struct config_pairs below = { .items = of_group, .n = 2 };
	json_t *root;
	struct world w;

	begin(&w);
	w.rules.groups[0].labels = &below;
	assert_data(&w, "/api/v1/rules?match[]={severity='mail'}",
		"{'groups':[{'name':'g','file':'r.yml','rules':[{'name':'a:b','query':'up',"
		"'labels':{'severity':'mail','team':'home'},'health':'ok','evaluationTime':0.0015,"
		"'lastEvaluation':'2026-11-22T15:46:25.250Z','type':'recording'}],'interval':15,"
		"'limit':5,'evaluationTime':0.002,'lastEvaluation':'2026-11-22T15:46:25.250Z'}]}");
	root = ask_json(
		&w, "GET", "/api/v1/rules?match[]={team='home',severity='page'}", NULL, 200);
	assert_int_equal(
		json_array_size(json_object_get(json_object_get(root, "data"), "groups")), 1);
	json_decref(root);
	/* One that has no rules is not shown. */
	w.rules.groups[1].n_rules = 0;
	root = ask_json(&w, "GET", "/api/v1/rules", NULL, 200);
	assert_int_equal(
		json_array_size(json_object_get(json_object_get(root, "data"), "groups")), 1);
	json_decref(root);
	end(&w);
}

static void shows_what_targets_say_of_their_metrics(void **state)
{
	static const struct target_metadata up = { "up_x", "gauge", "Up <or> not.", "" },
					    other = { "up_x", "gauge", "Other.", "" },
					    typed = { "up_x", "counter", "Up <or> not.", "" },
					    seconds = { "b_seconds", "summary", "", "seconds" };
	struct world w;

	world_begin(&w);
	assert_data(&w, "/api/v1/metadata", "{}");
	w.scrape.n = 3;
	w.scrape.targets[0].metadata[0] = up;
	w.scrape.targets[0].metadata[1] = seconds;
	w.scrape.targets[0].n_metadata = 2;
	w.scrape.targets[1].metadata[0] = up;
	w.scrape.targets[1].metadata[1] = other;
	w.scrape.targets[1].n_metadata = 2;
	w.scrape.targets[2].metadata[0] = typed;
	w.scrape.targets[2].n_metadata = 1;
	assert_data(&w, "/api/v1/metadata",
		"{'b_seconds':[{'type':'summary','help':'','unit':'seconds'}],"
		"'up_x':[{'type':'counter','help':'Up <or> not.','unit':''},"
		"{'type':'gauge','help':'Other.','unit':''},"
		"{'type':'gauge','help':'Up <or> not.','unit':''}]}");
	assert_data(&w, "/api/v1/metadata?limit=1",
		"{'b_seconds':[{'type':'summary','help':'','unit':'seconds'}]}");
	assert_data(&w, "/api/v1/metadata?limit=0", "{}");
	assert_data(&w, "/api/v1/metadata?metric=up_x&limit_per_metric=2&limit=-1",
		"{'up_x':[{'type':'counter','help':'Up <or> not.','unit':''},"
		"{'type':'gauge','help':'Other.','unit':''}]}");
	assert_data(&w, "/api/v1/metadata?metric=none", "{}");
	json_decref(ask_json(&w, "GET", "/api/v1/metadata?limit=x", NULL, 400));
	json_decref(ask_json(&w, "GET", "/api/v1/metadata?limit_per_metric=1.5", NULL, 400));
	world_end(&w);
}

static void shows_a_service_that_lives(void **state)
{
	struct world w;

	world_begin(&w);
	w.watch.services[0].info = (struct service_info){ .name = "web",
		.selector = "listen :80",
		.state = SERVICE_UP,
		.pid = 812,
		.comm = "nginx",
		.start_boot_ns = w.now.boot_ns - 5 * NSEC_PER_SEC,
		.listening = true,
		.restarts = 2 };
	w.watch.n = 1;
	/* Not known since when: since tolld started, a minute ago. */
	assert_data(&w, "/api/v1/services",
		"{'backend':'pidfd','backendReason':'this kernel has no BTF','services':[{'name':'web',"
		"'selector':'listen :80','state':'up','since':'2026-11-22T15:45:25.250Z','pid':812,"
		"'comm':'nginx','startedAt':'2026-11-22T15:46:20.250Z','listening':true,'restarts':2,"
		"'restartsLastHour':0,'deaths':0}]}");
	/* Who asks is told how it is now. */
	assert_int_equal(w.watch.measured, 1);
	w.watch.services[0].info =
		(struct service_info){ .name = "web", .selector = "s", .pid = 8 };
	w.watch.services[0].figures.standstill = STANDSTILL_STOPPED;
	assert_data(&w, "/api/v1/services",
		"{'backend':'pidfd','backendReason':'this kernel has no BTF','services':[{'name':'web',"
		"'selector':'s','state':'unknown','since':'2026-11-22T15:45:25.250Z','standstill':"
		"{'kind':'stopped','text':'its process 8 is stopped (SIGSTOP or the like)'},'pid':8,"
		"'comm':'','listening':false,'restarts':0,'restartsLastHour':0,'deaths':0}]}");
	world_end(&w);
}

static const struct {
	struct death death;
	const char *json, *text;
} deaths[] = {
	{ { .kind = DEATH_EXIT, .exit_code = 3, .final = true },
		"'kind':'exit','code':3,'requested':false", "exited with code 3 after 1 s" },
	{ { .kind = DEATH_EXIT,
		  .signal = SIGTERM,
		  .requested = true,
		  .has_sender = true,
		  .sender_pid = 1,
		  .sender_comm = "systemd" },
		"'kind':'exit','code':0,'requested':true,'signal':15,'signalName':'SIGTERM',"
		"'sender':{'kernel':false,'pid':1,'uid':0,'comm':'systemd'}",
		"stopped as asked by SIGTERM from systemd (pid 1, uid 0), exited with code 0 after "
		"1 s" },
	{ { .kind = DEATH_SIGNAL, .signal = SIGSEGV, .core_dumped = true, .by_kernel = true },
		"'kind':'signal','requested':false,'signal':11,'signalName':'SIGSEGV',"
		"'coreDumped':true,'sender':{'kernel':true}",
		"crashed with SIGSEGV (core dumped) after 1 s" },
	{ { .kind = DEATH_SIGNAL,
		  .signal = SIGKILL,
		  .requested = true,
		  .unheeded = SIGTERM,
		  .unheeded_ns = 90 * NSEC_PER_SEC,
		  .has_sender = true,
		  .sender_pid = 7,
		  .sender_uid = 1000,
		  .sender_comm = "a name of 16 by" },
		"'kind':'signal','requested':true,'signal':9,'signalName':'SIGKILL',"
		"'coreDumped':false,"
		"'sender':{'kernel':false,'pid':7,'uid':1000,'comm':'a name of 16 by'},"
		"'unheededSignalName':'SIGTERM','unheededSeconds':90",
		"killed by SIGKILL from a name of 16 by (pid 7, uid 1000) after 1 s; SIGTERM had "
		"asked it to stop 1 min 30 s before" },
	{ { .kind = DEATH_OOM,
		  .signal = SIGKILL,
		  .by_kernel = true,
		  .oom = { OOM_OF_GROUP, "/web" },
		  .has_peak_memory = true,
		  .peak_memory_bytes = 5000000000,
		  .has_cpu = true,
		  .cpu_ns = 250 * NSEC_PER_MSEC,
		  .has_faults = true,
		  .minor_faults = 80,
		  .major_faults = 1,
		  .threads = 4 },
		"'kind':'oom','requested':false,'signal':9,'signalName':'SIGKILL',"
		"'sender':{'kernel':true},'oomKind':'cgroup','oomCgroup':'/web',"
		"'peakMemoryBytes':5000000000,'cpuSeconds':0.25,'minorFaults':80,'majorFaults':1,"
		"'threads':4",
		"killed by the kernel\\u0027s OOM killer (the memory limit of /web was reached) after 1 "
		"s, with 4768 MiB of memory at its peak" },
	{ { .kind = DEATH_SIGNAL, .signal = 200 },
		"'kind':'signal','requested':false,'signal':200,'signalName':'signal 200',"
		"'coreDumped':false",
		"killed by signal 200 after 1 s" },
	{ { .kind = DEATH_UNKNOWN }, "'kind':'unknown','requested':false",
		"is gone, and nobody saw how after 1 s" },
};

static struct death death_now(const struct world *w, const struct death *like)
{
	struct death death = *like;

	death.pid = 9;
	death.at = w->now;
	death.start_boot_ns = w->now.boot_ns - 1500 * NSEC_PER_MSEC;
	memcpy(death.comm, "sixteen bytes !!", WATCH_COMM_MAX);
	return death;
}

static void add_death_json(struct strbuf *out, size_t i)
{
	strbuf_addf(out,
		"{%s,'at':'2026-11-22T15:46:25.250Z','pid':9,'comm':'sixteen bytes !!',"
		"'livedSeconds':1.5,'final':%s,'text':\"%s\"}",
		deaths[i].json, deaths[i].death.final ? "true" : "false", deaths[i].text);
}

static void shows_when_the_store_knew_of_a_death(void **state)
{
	const struct death like = {
		.kind = DEATH_EXIT, .has_sample = true, .sample_after_ns = 123000
	};
	struct service_info *info;
	json_t *root, *death;
	struct world w;

	world_begin(&w);
	info = &w.watch.services[0].info;
	*info = (struct service_info){
		.name = "s", .died = true, .last_death = death_now(&w, &like)
	};
	w.watch.n = 1;
	root = ask_json(&w, "GET", "/api/v1/services", NULL, 200);
	death = json_object_get(
		json_array_get(json_object_get(json_object_get(root, "data"), "services"), 0),
		"lastDeath");
	assert_true(json_real_value(json_object_get(death, "sampleAfterSeconds")) == 0.000123);
	assert_true(json_real_value(json_object_get(death, "atBootSeconds")) ==
		    (double)w.now.boot_ns / NSEC_PER_SEC);
	json_decref(root);
	world_end(&w);
}

static void shows_how_a_service_died(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(deaths); i++) {
		struct strbuf want = STRBUF_INIT;
		struct world w;
		struct service_info *info = &w.watch.services[0].info;

		world_begin(&w);
		*info = (struct service_info){ .name = "s",
			.selector = "exe /s",
			.state = SERVICE_DOWN,
			.since = { .boot_ns = w.now.boot_ns, .wall_ms = NOW_WALL_MS },
			.deaths = 1,
			.died = true,
			.last_death = death_now(&w, &deaths[i].death) };
		w.watch.services[0].cause = "a cause with \"quotes\"";
		w.watch.n = 1;
		strbuf_adds(&want,
			"{'backend':'pidfd','backendReason':'this kernel has no BTF','services':[{'name':"
			"'s','selector':'exe /s','state':'down','since':'2026-11-22T15:46:25.250Z',"
			"'listening':false,'restarts':0,'restartsLastHour':0,'deaths':1,"
			"'lastDeath':");
		add_death_json(&want, i);
		strbuf_adds(&want, ",'cause':'a cause with \\'quotes\\''}]}");
		assert_data(&w, "/api/v1/services", want.s);
		world_end(&w);
		strbuf_release(&want);
	}
}

/* A service that died and came back, with the world's clock. */
static void make_history(struct world *w, const char *name)
{
	struct service_info info = { .name = name,
		.state = SERVICE_UP,
		.pid = 9,
		.comm = "web",
		.start_boot_ns = w->now.boot_ns - 1500 * NSEC_PER_MSEC };

	assert_non_null(history_note(w->history, &info, SERVICE_APPEARED,
		(struct instant){ w->now.boot_ns - NSEC_PER_SEC, w->now.wall_ms - 1000 }));
	info.pid = 0;
	info.start_boot_ns = 0;
	info.last_death = death_now(w, &deaths[0].death);
	assert_non_null(history_note(w->history, &info, SERVICE_DIED, w->now));
	info.pid = 10;
	info.since = w->now;
	assert_non_null(history_note(w->history, &info, SERVICE_APPEARED, w->now));
}

static void shows_what_became_of_a_service(void **state)
{
	static const char first[] =
		"{'id':1,'kind':'start','at':'2026-11-22T15:46:24.250Z','state':'up','pid':9,"
		"'comm':'web','startedAt':'2026-11-22T15:46:23.750Z','found':true,'restart':false}";
	static const char last[] =
		"{'id':3,'kind':'start','at':'2026-11-22T15:46:25.250Z','state':'up','pid':10,"
		"'comm':'web','found':false,'restart':true}";
	struct strbuf want = STRBUF_INIT;
	struct world w;

	world_begin(&w);
	make_history(&w, "a/b \"c\"?");
	strbuf_addf(&want,
		"{'service':'a/b \\'c\\'?','events':[%s,{'id':2,'kind':'death',"
		"'at':'2026-11-22T15:46:25.250Z','state':'down','pid':9,"
		"'comm':'sixteen bytes !!','death':",
		last);
	add_death_json(&want, 0);
	strbuf_addf(&want, "},%s]}", first);
	assert_data(&w, "/api/v1/services/a%2Fb%20%22c%22%3F/events", want.s);
	assert_data(&w, "/api/v1/services/a%2fb%20%22c%22%3f/events?limit=9&since=0", want.s);
	strbuf_reset(&want);
	strbuf_addf(&want, "{'service':'a/b \\'c\\'?','events':[%s]}", last);
	assert_data(&w, "/api/v1/services/a%2Fb%20%22c%22%3F/events?limit=1", want.s);
	assert_data(&w, "/api/v1/services/a%2Fb%20%22c%22%3F/events?since=2026-11-22T15:46:26Z",
		"{'service':'a/b \\'c\\'?','events':[]}");
	strbuf_release(&want);
	world_end(&w);
}

static void shows_what_hangs_and_whom_memory_cost(void **state)
{
	static const struct history_hang hangs[] = {
		{ .thread = 12, .threads = 2, .waits_in = "a\nb" },
		{ .thread = 13, .threads = 1 },
	};
	const struct service_info info = {
		.name = "web", .state = SERVICE_UP, .pid = 9, .comm = "web"
	};
	struct world w;

	world_begin(&w);
	assert_non_null(history_note_hang(w.history, &info, 11, &hangs[0], w.now));
	assert_non_null(history_note_hang(w.history, &info, 0, NULL, w.now));
	assert_non_null(history_note_hang(w.history, &info, 9, &hangs[1], w.now));
	assert_non_null(history_note_oom(w.history, &info, w.now));
	assert_data(&w, "/api/v1/services/web/events",
		"{'service':'web','events':["
		"{'id':4,'kind':'oom_kill','at':'2026-11-22T15:46:25.250Z','state':'up'},"
		"{'id':3,'kind':'hung','at':'2026-11-22T15:46:25.250Z','state':'up','pid':9,"
		"'comm':'web','hang':{'thread':13,'threads':1}},"
		"{'id':2,'kind':'hung_over','at':'2026-11-22T15:46:25.250Z','state':'up','pid':9,"
		"'comm':'web'},"
		"{'id':1,'kind':'hung','at':'2026-11-22T15:46:25.250Z','state':'up','pid':11,"
		"'comm':'','hang':{'thread':12,'threads':2,'waitsIn':'a\\nb'}}]}");
	world_end(&w);
}

static void events_of_nobody_are_refused(void **state)
{
	struct world w;

	world_begin(&w);
	w.watch.services[0].info = (struct service_info){ .name = "quiet" };
	w.watch.n = 1;
	assert_data(&w, "/api/v1/services/quiet/events", "{'service':'quiet','events':[]}");
	assert_error(&w, "GET", "/api/v1/services/n%22o/events", 404, "not_found",
		"no service is called \"n\"o\"");
	assert_error(&w, "GET", "/api/v1/services/quiet/events?limit=x", 400, "bad_data",
		"invalid parameter \"limit\": cannot parse \"x\" to a valid limit");
	assert_error(&w, "GET", "/api/v1/services/quiet/events?since=soon", 400, "bad_data",
		"invalid parameter \"since\": Invalid time value for 'since': cannot parse "
		"\"soon\" to a valid timestamp");
	free(ask_text(&w, "GET", "/api/v1/services/events", 404));
	free(ask_text(&w, "GET", "/api/v1/services//events", 404));
	world_end(&w);
}

static void hostile_names_stay_text(void **state)
{
	json_t *root, *service;
	struct world w;
	char *text;

	world_begin(&w);
	w.watch.services[0].info = (struct service_info){
		.name = HOSTILE, .selector = HOSTILE, .state = SERVICE_UNKNOWN
	};
	w.watch.n = 1;
	text = ask_text(&w, "GET", "/api/v1/services", 200);
	assert_null(strpbrk(text, "<>&\n\x01"));
	root = parse_json(text, strlen(text));
	service = json_array_get(json_object_get(json_object_get(root, "data"), "services"), 0);
	assert_string_equal(json_string_value(json_object_get(service, "name")),
		"</td><script>alert('1')</script>\"&\\\n\x01\xef\xbf\xbd{}");
	assert_string_equal(json_string_value(json_object_get(service, "state")), "unknown");
	json_decref(root);
	free(text);
	world_end(&w);
}

static void works_without_any_source(void **state)
{
	static const char *const uris[] = { "/api/v1/rules", "/api/v1/alerts", "/api/v1/targets",
		"/api/v1/services", "/api/v1/status/buildinfo", "/api/v1/metadata",
		"/api/v1/alertmanagers", "/api/v1/query_exemplars?query=up",
		"/api/v1/status/runtimeinfo" };
	struct world w = { 0 };

	assert_int_equal(sd_event_new(&w.event), 0);
	assert_int_equal(
		api_new(w.event, &(struct api_options){ 0 }, &(struct api_sources){ 0 }, &w.api),
		0);
	for (size_t i = 0; i < ARRAY_SIZE(uris); i++)
		json_decref(ask_json(&w, "GET", uris[i], NULL, 200));
	free(ask_text(&w, "GET", "/", 200));
	free(ask_text(&w, "GET", "/metrics", 200));
	assert_error(&w, "GET", "/api/v1/labels", 503, "unavailable", "there is no sample store");
	assert_error(
		&w, "GET", "/api/v1/query?query=1", 503, "unavailable", "there is no sample store");
	api_free(w.api);
	sd_event_unref(w.event);
}

static void grafana_is_told_a_version_and_no_features(void **state)
{
	struct world w;
	json_t *root, *data;

	world_begin(&w);
	root = ask_json(&w, "GET", "/api/v1/status/buildinfo", NULL, 200);
	data = json_object_get(root, "data");
	assert_null(json_object_get(data, "features"));
	assert_true(starts_with(json_string_value(json_object_get(data, "version")), "3."));
	json_decref(root);
	world_end(&w);
}

static void ready_only_when_it_is(void **state)
{
	struct world w;

	world_begin(&w);
	free(ask_text(&w, "GET", "/-/ready", 200));
	w.ready = false;
	free(ask_text(&w, "GET", "/-/ready", 503));
	free(ask_text(&w, "HEAD", "/-/healthy", 200));
	world_end(&w);
}

static void reloads_for_whom_may(void **state)
{
	struct request *req;
	struct world w;
	char *text;

	world_begin(&w);
	free(ask_text(&w, "POST", "/-/reload", 200));
	free(ask_text(&w, "PUT", "/-/reload", 200));
	assert_int_equal(w.reloads, 2);
	free(ask_text(&w, "GET", "/-/reload", 405));
	w.reload_result = -EINVAL;
	text = ask_text(&w, "POST", "/-/reload", 500);
	assert_string_equal(text,
		"failed to reload config: rules.yml:14:11: error: unknown function "
		"'rats'\n");
	free(text);
	assert_int_equal(w.reloads, 3);

	/* A form on another site can be posted here by a browser; it says where from. */
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(request_new(w.api, "/-/reload", &req), 0);
		req->method = strdup("POST");
		req->origin = strdup(i ? "null" : "http://evil.example");
		req->host = strdup("127.0.0.1:9090");
		route_dispatch(req, w.now);
		assert_int_equal(req->response.status, 403);
		request_free(req);
	}
	assert_int_equal(w.reloads, 3);
	world_end(&w);

	world_begin_with(&w, &(struct api_options){ 0 });
	text = ask_text(&w, "POST", "/-/reload", 403);
	assert_string_equal(text, "Lifecycle API is not enabled.\n");
	free(text);
	assert_int_equal(w.reloads, 0);
	world_end(&w);
}

static void unknown_paths_and_methods_are_said_to_be(void **state)
{
	struct request *req;
	struct world w;

	world_begin(&w);
	free(ask_text(&w, "GET", "/api/v1/nothing", 404));
	free(ask_text(&w, "GET", "/api/v1/label//values", 404));
	free(ask_text(&w, "GET", "///", 200));
	json_decref(ask_json(&w, "GET", "//api//v1/labels", NULL, 200));
	assert_error(&w, "GET", "/api/v1/query?query=%zz", 400, "bad_data",
		"error parsing form values: a percent escape is broken");
	free(ask_text(&w, "GET", "/federate?match[]=%00", 400));
	req = ask(&w, "DELETE", "/api/v1/query?query=1", NULL);
	assert_int_equal(req->response.status, 405);
	assert_string_equal(req->response.allow, "GET, HEAD, OPTIONS, POST");
	request_free(req);
	req = ask(&w, "OPTIONS", "/api/v1/query", NULL);
	assert_int_equal(req->response.status, 204);
	assert_string_equal(req->response.cors_origin, "*");
	request_free(req);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_rules_and_alerts),
		cmocka_unit_test(filters_rules),
		cmocka_unit_test(gives_rules_page_by_page),
		cmocka_unit_test(shows_targets),
		cmocka_unit_test(targets_are_shown_as_others_reach_them),
		cmocka_unit_test(a_group_gives_its_labels_to_its_rules),
		cmocka_unit_test(shows_what_targets_say_of_their_metrics),
		cmocka_unit_test(shows_a_service_that_lives),
		cmocka_unit_test(shows_how_a_service_died),
		cmocka_unit_test(shows_when_the_store_knew_of_a_death),
		cmocka_unit_test(shows_what_became_of_a_service),
		cmocka_unit_test(shows_what_hangs_and_whom_memory_cost),
		cmocka_unit_test(events_of_nobody_are_refused),
		cmocka_unit_test(hostile_names_stay_text),
		cmocka_unit_test(works_without_any_source),
		cmocka_unit_test(grafana_is_told_a_version_and_no_features),
		cmocka_unit_test(ready_only_when_it_is),
		cmocka_unit_test(reloads_for_whom_may),
		cmocka_unit_test(unknown_paths_and_methods_are_said_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
