/* The tree of routes: which of them an alert takes, what they are called, how they group. */
#include "world.h"

#define SMTP "global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"
#define MAILS(name)                                                                                \
	"- {name: " name ", email_configs: [{to: " name "@example.org, send_resolved: true}]}\n"

/* The tree of Alertmanager's own test, with `match` and with `matchers`. */
static const char tree_with_match[] =
	"route:\n"
	"  receiver: def\n"
	"  routes:\n"
	"  - match: {owner: team-A}\n"
	"    receiver: A\n"
	"    routes:\n"
	"    - match: {env: testing}\n"
	"      receiver: testing\n"
	"      group_by: ['...']\n"
	"    - match: {env: production}\n"
	"      receiver: prodA\n"
	"      group_wait: 1m\n"
	"      continue: true\n"
	"    - match_re: {env: 'produ.*', job: '.*'}\n"
	"      receiver: prodB\n"
	"      group_wait: 30s\n"
	"      group_interval: 5m\n"
	"      repeat_interval: 1h\n"
	"      group_by: [job]\n"
	"  - match_re: {owner: 'team-(B|C)'}\n"
	"    group_by: [foo, bar]\n"
	"    group_wait: 2m\n"
	"    receiver: BC\n"
	"  - match: {group_by: role}\n"
	"    group_by: [role]\n"
	"    routes:\n"
	"    - match: {env: testing}\n"
	"      receiver: testing\n"
	"      routes:\n"
	"      - match: {wait: long}\n"
	"        group_wait: 2m\n"
	"receivers: [{name: def}, {name: A}, {name: testing}, {name: prodA}, {name: prodB}, "
	"{name: BC}]\n";

static const char tree_with_matchers[] =
	"route:\n"
	"  receiver: def\n"
	"  routes:\n"
	"  - matchers: ['{owner=\"team-A\"}', '{level!=\"critical\"}']\n"
	"    receiver: A\n"
	"    routes:\n"
	"    - matchers: ['{env=\"testing\"}', '{baz!~\".*quux\"}']\n"
	"      receiver: testing\n"
	"      group_by: ['...']\n"
	"    - match: {env: production}\n"
	"      receiver: prodA\n"
	"      group_wait: 1m\n"
	"      continue: true\n"
	"    - matchers: [env=~\"produ.*\", job=~\".*\"]\n"
	"      receiver: prodB\n"
	"  - matchers: [owner=~\"team-(B|C)\"]\n"
	"    receiver: BC\n"
	"receivers: [{name: def}, {name: A}, {name: testing}, {name: prodA}, {name: prodB}, "
	"{name: BC}]\n";

static int print_route(const struct route *route, void *userdata)
{
	struct strbuf *out = userdata;

	strbuf_addf(out, "%s%s", out->len ? "; " : "", route->receiver->name.s);
	for (size_t i = 0; i < route->n_group_by; i++)
		strbuf_addf(out, "%s%s", i ? "," : " by ", route->group_by[i]);
	strbuf_addf(out, "%s %d/%d/%d %s", route->group_by_all ? " by all" : "",
		(int)(route->group_wait_ns / SEC), (int)(route->group_interval_ns / SEC),
		(int)(route->repeat_interval_ns / SEC), route->key);
	return 0;
}

struct row {
	const char *labels, *taken;
};

static void check_tree(const char *text, const struct row *rows, size_t n)
{
	struct config *config = config_of(text);
	struct route *root;

	assert_int_equal(route_new(config, &root), 0);
	for (size_t i = 0; i < n; i++) {
		scoped(labels_unrefp) struct labels *labels = labels_of(rows[i].labels);
		struct strbuf out = STRBUF_INIT;

		assert_int_equal(route_match(root, labels, print_route, &out), 0);
		assert_string_equal(out.s, rows[i].taken);
		strbuf_release(&out);
	}
	route_free(root);
	config_unref(config);
}

static void the_deepest_match_is_taken_and_inherits(void **state)
{
	static const struct row rows[] = {
		{ "a=b", "def 30/300/14400 {}" },
		{ "owner=team-A", "A 30/300/14400 {}/{owner=\"team-A\"}" },
		{ "owner=team-A env=unset", "A 30/300/14400 {}/{owner=\"team-A\"}" },
		{ "owner=team-C", "BC by foo,bar 120/300/14400 {}/{owner=~\"^(?:team-(B|C))$\"}" },
		{ "owner=team-A env=testing",
			"testing by all 30/300/14400 {}/{owner=\"team-A\"}/{env=\"testing\"}" },
		{ "owner=team-A env=production",
			"prodA 60/300/14400 {}/{owner=\"team-A\"}/{env=\"production\"}; "
			"prodB by job 30/300/3600 "
			"{}/{owner=\"team-A\"}/{env=~\"^(?:produ.*)$\",job=~\"^(?:.*)$\"}" },
		{ "group_by=role", "def by role 30/300/14400 {}/{group_by=\"role\"}" },
		{ "env=testing group_by=role",
			"testing by role 30/300/14400 {}/{group_by=\"role\"}/{env=\"testing\"}" },
		{ "env=testing group_by=role wait=long",
			"testing by role 120/300/14400 "
			"{}/{group_by=\"role\"}/{env=\"testing\"}/{wait=\"long\"}" },
	};

	check_tree(tree_with_match, rows, ARRAY_SIZE(rows));
}

static void matchers_are_all_asked_and_sorted_in_keys(void **state)
{
	static const struct row rows[] = {
		{ "owner=team-A", "A 30/300/14400 {}/{level!=\"critical\",owner=\"team-A\"}" },
		{ "owner=team-A level=critical", "def 30/300/14400 {}" },
		{ "owner=team-B", "BC 30/300/14400 {}/{owner=~\"team-(B|C)\"}" },
		{ "owner=team-BC", "def 30/300/14400 {}" },
		{ "owner=team-A env=testing",
			"testing by all 30/300/14400 {}/{level!=\"critical\",owner=\"team-A\"}/"
			"{baz!~\".*quux\",env=\"testing\"}" },
		{ "owner=team-A env=testing baz=the-quux",
			"A 30/300/14400 {}/{level!=\"critical\",owner=\"team-A\"}" },
		{ "owner=team-A env=production",
			"prodA 60/300/14400 {}/{level!=\"critical\",owner=\"team-A\"}/"
			"{env=\"production\"}; prodB 30/300/14400 "
			"{}/{level!=\"critical\",owner=\"team-A\"}/{env=~\"produ.*\",job=~\".*\"}" },
	};

	check_tree(tree_with_matchers, rows, ARRAY_SIZE(rows));
}

static void a_parents_group_by_all_is_inherited_until_overridden(void **state)
{
	static const char text[] = "route:\n"
				   "  receiver: r\n"
				   "  routes:\n"
				   "  - match: {p: x}\n"
				   "    group_by: ['...']\n"
				   "    routes:\n"
				   "    - match: {env: child1}\n"
				   "    - match: {env: child2}\n"
				   "      group_by: [foo]\n"
				   "    - match: {env: child3}\n"
				   "      group_by: []\n"
				   "receivers: [{name: r}]\n";
	static const struct row rows[] = {
		{ "p=x", "r by all 30/300/14400 {}/{p=\"x\"}" },
		{ "p=x env=child1", "r by all 30/300/14400 {}/{p=\"x\"}/{env=\"child1\"}" },
		{ "p=x env=child2", "r by foo 30/300/14400 {}/{p=\"x\"}/{env=\"child2\"}" },
		{ "p=x env=child3", "r 30/300/14400 {}/{p=\"x\"}/{env=\"child3\"}" },
	};

	check_tree(text, rows, ARRAY_SIZE(rows));
}

static void print_ids(const struct route *route, struct strbuf *out)
{
	strbuf_addf(out, "%s%s", out->len ? "\n" : "", route->id);
	for (size_t i = 0; i < route->n_routes; i++)
		print_ids(&route->routes[i], out);
}

static void no_two_routes_share_an_id(void **state)
{
	static const char text[] =
		"route:\n"
		"  receiver: r\n"
		"  routes:\n"
		"  - {matchers: ['{foo=\"bar\"}'], continue: true}\n"
		"  - {match: {foo: bar}, routes: [{matchers: [bar=baz]}, {matchers: [bar=baz]}]}\n"
		"  - {matchers: [foo!=bar]}\n"
		"  - {matchers: [foo=bar], routes: [{matchers: [bar=baz]}]}\n"
		"receivers: [{name: r}]\n";
	struct config *config = config_of(text);
	struct strbuf out = STRBUF_INIT;
	struct route *root;

	assert_int_equal(route_new(config, &root), 0);
	print_ids(root, &out);
	assert_string_equal(out.s, "{}\n"
				   "{}/{foo=\"bar\"}\n"
				   "{}/{foo=\"bar\"}#2\n"
				   "{}/{foo=\"bar\"}/{bar=\"baz\"}\n"
				   "{}/{foo=\"bar\"}/{bar=\"baz\"}#2\n"
				   "{}/{foo!=\"bar\"}\n"
				   "{}/{foo=\"bar\"}#3\n"
				   "{}/{foo=\"bar\"}/{bar=\"baz\"}#3");
	strbuf_release(&out);
	route_free(root);
	config_unref(config);
}

/* Which receivers got how many mails, in the order of the file: "ops 2, boss 1". */
static char *receivers_text(const struct world *w)
{
	struct strbuf out = STRBUF_INIT;
	char *text;

	for (size_t i = 0; i < w->config->n_receivers; i++) {
		const char *name = w->config->receivers[i].name.s;
		size_t n = 0;

		for (size_t k = 0; k < w->n_mails; k++)
			n += streq(w->mails[k].n->receiver, name);
		if (n)
			strbuf_addf(&out, "%s%s %zu", out.len ? ", " : "", name, n);
	}
	assert_int_equal(strbuf_finish(&out, &text), 0);
	return text;
}

#define assert_receivers(w, expected)                                                              \
	do {                                                                                       \
		scoped(freep) char *text_ = receivers_text(w);                                     \
		assert_string_equal(text_, (expected));                                            \
	} while (0)

static void routes_that_say_the_same_tell_each_their_receiver(void **state)
{
	static const char text[] =
		SMTP "route:\n"
		     "  receiver: def\n"
		     "  group_wait: 10s\n"
		     "  group_by: [alertname]\n"
		     "  routes:\n"
		     "  - {matchers: [alertname=A], receiver: one, continue: true}\n"
		     "  - {matchers: [alertname=A], receiver: two}\n"
		     "receivers:\n" MAILS("def") MAILS("one") MAILS("two");

	for (int restart = 0; restart < 2; restart++) {
		struct world w;
		struct notify_stats stats;

		world_init(&w, config_of(text));
		fires(&w, "A", "a");
		notify_stats(w.notify, &stats);
		assert_int_equal(stats.groups, 2);
		if (restart) {
			/* Killed when both were handed out and none was told. */
			world_advance(&w, 10 * SEC);
			notify_step(w.notify, w.now);
			assert_int_equal(w.n_queue, 2);
			world_restart(&w);
			fires(&w, "A", "a");
		}
		world_run(&w, MINUTE);
		assert_receivers(&w, "one 1, two 1");
		for (int i = 0; i < 2; i++)
			assert_string_equal(
				w.mails[i].n->group_key, "{}/{alertname=\"A\"}:{alertname=\"A\"}");
		ends(&w, "A", "a");
		world_run(&w, 10 * MINUTE);
		assert_receivers(&w, "one 2, two 2");
		assert_int_equal(w.rows[NOTIFY_KEEP_GROUP].n, 0);
		assert_int_equal(w.rows[NOTIFY_KEEP_OUTBOX].n, 0);
		world_release(&w);
	}
}

/* As the documentation has it: every route below is asked, in order. */
static bool takes_plainly(
	const struct route *route, const struct labels *labels, struct strbuf *out)
{
	bool below = false;

	if (!matcher_list_match(&route->matchers, labels))
		return false;
	for (size_t i = 0; i < route->n_routes; i++) {
		if (!takes_plainly(&route->routes[i], labels, out))
			continue;
		below = true;
		if (!route->routes[i].continues)
			break;
	}
	if (!below)
		print_route(route, out);
	return true;
}

/* Asserts that the index takes what going through all does; whether more than one route was taken. */
static bool takes_the_same(const struct route *route, const struct labels *labels)
{
	struct strbuf got = STRBUF_INIT, expected = STRBUF_INIT;
	bool several;

	assert_int_equal(route_match(route, labels, print_route, &got), 0);
	takes_plainly(route, labels, &expected);
	assert_string_equal(got.s, expected.s);
	several = strstr(got.s, "; ") != NULL;
	strbuf_release(&got);
	strbuf_release(&expected);
	return several;
}

/* Forty routes of all kinds, and below some of them as many again. */
static void write_many_routes(struct strbuf *out, unsigned seed, unsigned depth)
{
	static const char *const kinds[][2] = { { "'a=\"", "\"'" }, { "'a=~\"x|", "\"'" },
		{ "'b=~\".*", "\"'" }, { "'b=\"", "\"'" }, { "'c=\"\"', 'a=\"", "\"'" },
		{ "'a!=\"", "\"'" } };

	strbuf_adds(out, ", routes: [");
	for (unsigned i = 0; i < 40; i++) {
		/* The last kind takes nearly all: seldom. */
		const char *const *kind = kinds[i % 8 == 7 ? 5 : (seed + i) % 5];

		strbuf_addf(out, "%s{matchers: [%s%u%s], group_by: [r%u_%u_%u], continue: %s",
			i ? ", " : "", kind[0], (seed + i) % 9, kind[1], depth, seed, i,
			(seed + i) % 3 ? "true" : "false");
		if (depth && i % 13 == 0)
			write_many_routes(out, seed + i + 1, depth - 1);
		strbuf_adds(out, "}");
	}
	strbuf_adds(out, "]");
}

static void many_routes_are_taken_as_if_each_were_asked(void **state)
{
	for (unsigned seed = 0; seed < 20; seed++) {
		struct strbuf text = STRBUF_INIT;
		struct config *config;
		struct route *route;
		unsigned taken = 0;

		strbuf_adds(&text, "receivers: [{name: d}]\nroute: {receiver: d");
		write_many_routes(&text, seed, 2);
		strbuf_adds(&text, "}\n");
		config = config_of(text.s);
		assert_int_equal(route_new(config, &route), 0);
		for (unsigned n = 0; n < 1000; n++) {
			char labels_text[64];

			snprintf(labels_text, sizeof(labels_text), "a=%u b=%u%s", n % 10,
				n / 10 % 100, n % 2 ? " c=1" : "");
			scoped(labels_unrefp) struct labels *labels = labels_of(labels_text);

			taken += takes_the_same(route, labels);
		}
		assert_true(taken > 100);
		route_free(route);
		config_unref(config);
		strbuf_release(&text);
	}
}

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void add_value(struct strbuf *out, uint32_t *seed)
{
	static const char *const words[] = { "api", "web", "x", "ap",
		"node-exporter-of-the-far-end-of-it" };

	strbuf_addf(out, "%s%u", words[next(seed) % ARRAY_SIZE(words)], next(seed) % 30);
}

/* A matcher of any kind; 'V' stands for a value. */
static void add_matcher(struct strbuf *out, uint32_t *seed)
{
	static const char *const kinds[] = { "=\"V\"", "=~\"V|V\"", "=~\"V.*\"", "=~\"(V|V)\"",
		"=~\".*V\"", "=~\"V(-.+)?\"", "=~\"[a-w]*V\"", "=~\"^V$\"", "=~\"V.*|V.?|V\"",
		"=~\"(?:V|(V.))\"", "=~\"V?\"", "=~\".*V.*|V\"", "=~\".+V.*\"", "=~\"(?i)V\"",
		/* These match nearly all: seldom. */
		"!=\"V\"", "!~\"V.*\"", "=~\".*\"", "=~\"V|\"", "=\"\"" };
	unsigned n = next(seed) % 20 ? ARRAY_SIZE(kinds) - 5 : ARRAY_SIZE(kinds);

	strbuf_addf(out, "'%c", 'a' + next(seed) % 2);
	for (const char *p = kinds[next(seed) % n]; *p; p++) {
		if (*p == 'V')
			add_value(out, seed);
		else
			strbuf_addch(out, *p);
	}
	strbuf_addch(out, '\'');
}

static void add_random_routes(struct strbuf *out, uint32_t *seed, unsigned depth)
{
	unsigned n = depth ? 250 : 1 + next(seed) % 20;

	strbuf_adds(out, ", routes: [");
	for (unsigned i = 0; i < n; i++) {
		strbuf_addf(out, "%s{group_by: [r%u], continue: %s, matchers: [", i ? ", " : "",
			next(seed), next(seed) % 4 ? "true" : "false");
		add_matcher(out, seed);
		if (next(seed) % 3 == 0) {
			strbuf_adds(out, ", ");
			add_matcher(out, seed);
		}
		strbuf_adds(out, "]");
		if (depth && next(seed) % 10 == 0)
			add_random_routes(out, seed, depth - 1);
		strbuf_adds(out, "}");
	}
	strbuf_adds(out, "]");
}

/* More values than the index remembers; some of them come again and again. */
static struct labels *random_labels(uint32_t *seed)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *labels = NULL;

	for (const char *name = "abc"; *name; name++) {
		struct strbuf value = STRBUF_INIT;

		if (next(seed) % 8)
			add_value(&value, seed);
		if (next(seed) % 4 == 0)
			strbuf_addf(&value, "-%u", next(seed) % 50);
		labels_builder_set(&b, (char[]){ *name, '\0' }, value.s);
		strbuf_release(&value);
	}
	assert_int_equal(labels_build(&b, &labels), 0);
	return labels;
}

static void random_routes_are_taken_as_if_each_were_asked(void **state)
{
	for (uint32_t seed = 1; seed <= 5; seed++) {
		struct strbuf text = STRBUF_INIT;
		uint32_t at = seed * 7919;
		struct config *config;
		struct route *route;
		unsigned taken = 0;

		strbuf_adds(&text, "receivers: [{name: d}]\nroute: {receiver: d");
		add_random_routes(&text, &at, 1);
		strbuf_adds(&text, "}\n");
		config = config_of(text.s);
		assert_int_equal(route_new(config, &route), 0);
		for (unsigned n = 0; n < 4000; n++) {
			scoped(labels_unrefp) struct labels *labels = random_labels(&at);

			taken += takes_the_same(route, labels);
		}
		assert_true(taken > 1000);
		route_free(route);
		config_unref(config);
		strbuf_release(&text);
	}
}

/* Expressions that must be tried, prefixes and few of them. */
static const char kinds_of_routes[] = "route:\n"
				      "  receiver: r\n"
				      "  routes:\n"
				      "  - matchers: ['a=~\".*1\"']\n"
				      "  - matchers: ['a=~\".*2\"']\n"
				      "  - matchers: ['a=~\".*3\"']\n"
				      "  - matchers: ['a=~\".*4\"']\n"
				      "  - matchers: ['a=~\".*5\"']\n"
				      "  - matchers: ['a=~\".*6\"']\n"
				      "  - matchers: ['a=~\".*7\"']\n"
				      "  - matchers: ['a=~\".*8\"']\n"
				      "  - matchers: ['b=~\"x.*|y.*\"']\n"
				      "  - matchers: ['b=~\"xy.*\"']\n"
				      "  - matchers: ['b=~\"z\"']\n"
				      "receivers: [{name: r}]\n";

/* Whatever it forgets: who is asked answers the same. */
static int ask_tree(void *userdata)
{
	scoped(labels_unrefp) struct labels *labels = NULL;
	struct strbuf out = STRBUF_INIT;
	struct route *root = NULL;
	int err = route_new(userdata, &root);

	if (!err) {
		labels = labels_new(2, (const char *const[][2]){ { "a", "x7" }, { "b", "xyz" } });
		err = labels ? route_match(root, labels, print_route, &out) : -ENOMEM;
		if (!err && !out.err)
			assert_string_equal(out.s, "r 30/300/14400 {}/{a=~\".*7\"}");
		err = err ? err : out.err;
	}
	strbuf_release(&out);
	route_free(root);
	return err;
}

static void each_route_has_its_own_times(void **state)
{
	static const char text[] = SMTP
		"route:\n"
		"  receiver: def\n"
		"  group_wait: 30s\n"
		"  group_by: [alertname]\n"
		"  routes:\n"
		"  - {matchers: [instance=a], receiver: fast, group_wait: 1s, group_interval: 10s,"
		" repeat_interval: 1m, continue: true}\n"
		"  - {matchers: ['instance=~a|b'], receiver: slow, group_wait: 2m}\n"
		"receivers:\n" MAILS("def") MAILS("fast") MAILS("slow");
	struct world w;

	world_init(&w, config_of(text));
	fires(&w, "A", "a");
	fires(&w, "A", "c");
	world_run(&w, SEC);
	assert_receivers(&w, "fast 1");
	world_run(&w, 29 * SEC);
	assert_receivers(&w, "def 1, fast 1");
	world_run(&w, 50 * SEC);
	assert_receivers(&w, "def 1, fast 2");
	world_run(&w, 40 * SEC);
	assert_receivers(&w, "def 1, fast 2, slow 1");
	world_release(&w);
}

static void a_reload_keeps_the_groups_of_routes_that_moved(void **state)
{
	static const char before[] = SMTP "route:\n"
					  "  receiver: def\n"
					  "  group_by: [alertname]\n"
					  "  routes:\n"
					  "  - {matchers: [alertname=A], receiver: one}\n"
					  "receivers:\n" MAILS("def") MAILS("one");
	static const char after[] = SMTP "route:\n"
					 "  receiver: def\n"
					 "  group_by: [alertname]\n"
					 "  routes:\n"
					 "  - {matchers: [alertname=B], receiver: def}\n"
					 "  - {match: {alertname: A}, receiver: one}\n"
					 "receivers:\n" MAILS("def") MAILS("one");
	struct config *other = config_of(after);
	struct world w;

	world_init(&w, config_of(before));
	fires(&w, "A", "a");
	world_run(&w, 20 * SEC);
	assert_int_equal(notify_configure(w.notify, other, w.now), 0);
	world_run(&w, 9 * SEC);
	assert_int_equal(w.n_mails, 0);
	world_run(&w, SEC);
	assert_receivers(&w, "one 1");
	assert_int_equal(notify_configure(w.notify, w.config, w.now), 0);
	world_restart(&w);
	fires(&w, "A", "a");
	world_run(&w, HOUR);
	assert_receivers(&w, "one 1");
	config_unref(other);
	world_release(&w);
}

static int build_tree(void *userdata)
{
	struct route *root = NULL;
	int err = route_new(userdata, &root);

	route_free(root);
	return err;
}

struct reconfiguring {
	struct config *config;
	struct world w;
};

static int reconfigure(void *userdata)
{
	struct reconfiguring *r = userdata;

	return notify_configure(r->w.notify, r->config, r->w.now);
}

static void survives_without_memory(void **state)
{
	struct reconfiguring r = { .config = config_of(tree_with_matchers) };
	char name[8];

	with_failing_allocations(build_tree, r.config);
	config_unref(r.config);
	r.config = config_of(kinds_of_routes);
	with_failing_allocations(ask_tree, r.config);
	config_unref(r.config);
	r.config = config_of(tree_with_matchers);
	world_init(&r.w, config_of(tree_with_match));
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "i%d", i);
		fires(&r.w, "A", name);
	}
	with_failing_allocations(reconfigure, &r);
	config_unref(r.config);
	world_release(&r.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_deepest_match_is_taken_and_inherits),
		cmocka_unit_test(matchers_are_all_asked_and_sorted_in_keys),
		cmocka_unit_test(a_parents_group_by_all_is_inherited_until_overridden),
		cmocka_unit_test(no_two_routes_share_an_id),
		cmocka_unit_test(routes_that_say_the_same_tell_each_their_receiver),
		cmocka_unit_test(many_routes_are_taken_as_if_each_were_asked),
		cmocka_unit_test(random_routes_are_taken_as_if_each_were_asked),
		cmocka_unit_test(each_route_has_its_own_times),
		cmocka_unit_test(a_reload_keeps_the_groups_of_routes_that_moved),
		cmocka_unit_test(survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
