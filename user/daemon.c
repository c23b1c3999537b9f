/*
 * daemon.c - the wiring: who hands what to whom. It knows every module and no detail of any.
 */
#include "daemon_private.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include "api/exposition.h"
#include "base/hash.h"
#include "base/pages.h"

/* Mails under way get this long to end when we are told to end. */
#define LAST_WORDS_NS  (600 * NSEC_PER_MSEC)
#define STORE_CLOSE_MS 300

struct files {
	const char *const *paths;
	size_t n;
};

/* The files to read; none where tolld runs on built-in defaults. */
static struct files settings_files(const struct daemon_options *options)
{
	static const char *const default_file[] = { DAEMON_DEFAULT_CONFIG };

	if (options->n_config_files)
		return (struct files){ options->config_files, options->n_config_files };
	if (effective_access(DAEMON_DEFAULT_CONFIG, F_OK) == 0)
		return (struct files){ default_file, 1 };
	return (struct files){ NULL, 0 };
}

/* The first fault must not hide those of the rules: whoever mends a file wants to mend it once. */
static void find_more_faults(struct files files, struct diag *diag)
{
	scoped(config_unrefp) struct config *salvaged = NULL;

	if (files.n && !config_salvage(files.paths, files.n, &salvaged))
		rules_check(salvaged, diag);
}

/* Everything that can be wrong with a configuration, found before anything takes it over. */
static int load_checked(
	const struct daemon_options *options, struct config **ret, struct diag *diag)
{
	scoped(config_unrefp) struct config *config = NULL;
	struct files files = settings_files(options);
	int err, other;

	if (files.n)
		err = config_load(files.paths, files.n, &config, diag);
	else
		err = config_load_defaults(options->listen[0], &config, diag);
	if (err) {
		find_more_faults(files, diag);
		return err;
	}
	err = rules_check(config, diag);
	other = scrape_check(config, diag);
	err = err ? err : other;
	other = deliver_check(config, diag);
	if (err || other)
		return err ? err : other;
	*ret = TAKE(config);
	return 0;
}

static int configure(struct daemon *d, struct config *config, struct diag *diag)
{
	int err;

	/* Rules first: they are what can still fail, and the scrapes' first samples find them there. */
	err = alarms_configure(d, config, diag);
	if (!err)
		err = scrape_configure(d->scrape, config, diag);
	if (err)
		return err;
	config_unref(d->config);
	d->config = config_ref(config);
	targets_tie(d);
	services_configure(d, config);
	samples_configure(d, config);
	return 0;
}

/* Memory ran out between two modules: all go back to the settings that they had in common. */
static void put_back(struct daemon *d)
{
	struct diag diag = DIAG_INIT;
	int err;

	err = alarms_configure(d, d->config, &diag);
	if (!err)
		err = scrape_configure(d->scrape, d->config, &diag);
	targets_tie(d);
	services_configure(d, d->config);
	if (err)
		log_error("some parts run with the new settings, and some with the old ones, until "
			  "the next reload");
	diag_release(&diag);
}

static int reload(struct strbuf *error, void *userdata)
{
	struct daemon *d = userdata;
	scoped(config_unrefp) struct config *config = NULL;
	struct diag diag = DIAG_INIT;
	int err;

	sd_notify(0, "RELOADING=1");
	err = load_checked(d->options, &config, &diag);
	if (!err) {
		err = configure(d, config, &diag);
		if (err)
			put_back(d);
	}
	entry_diag(&diag);
	d->reload_ok = !err;
	if (err) {
		const char *why = diag.errors ? "they have faults" : strerror(-err);

		d->reloads_failed++;
		d->failed_wall_ms = clock_wall_ms();
		log_error("the new settings are not taken: %s; the old ones stay in force", why);
		if (error)
			diag_print(&diag, error);
		if (error && !diag.errors)
			strbuf_addf(error, "%s\n", why);
	} else {
		d->reloads_ok++;
		d->reload_wall_ms = clock_wall_ms();
		log_info("settings reloaded: %zu target%s, %zu rule group%s",
			scrape_targets(d->scrape), scrape_targets(d->scrape) == 1 ? "" : "s",
			config->n_groups, config->n_groups == 1 ? "" : "s");
	}
	diag_release(&diag);
	pages_give_back();
	sd_notify(0, "READY=1");
	return err;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	reload(NULL, userdata);
	return 0;
}

static int on_last_words(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	return sd_event_exit(d->event, 0);
}

static int on_terminate(
	sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct daemon *d = userdata;

	if (d->stopping)
		return sd_event_exit(d->event, 0);
	log_info("told to end by %s from pid %u", info->ssi_signo == SIGINT ? "SIGINT" : "SIGTERM",
		info->ssi_pid);
	sd_notify(0, "STOPPING=1");
	d->stopping = true;
	if (d->sends && sd_event_add_time_relative(d->event, NULL, CLOCK_BOOTTIME,
				LAST_WORDS_NS / NSEC_PER_USEC, 1000, on_last_words, d) >= 0)
		return 0;
	return sd_event_exit(d->event, 0);
}

static int add_signals(struct daemon *d)
{
	static const struct {
		int signal;
		sd_event_signal_handler_t handler;
	} table[] = {
		{ SIGTERM, on_terminate },
		{ SIGINT, on_terminate },
		{ SIGHUP, on_hangup },
	};
	sigset_t set;
	int err;

	signal(SIGPIPE, SIG_IGN);
	/* A file-size limit is a full disk, not our end. */
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		sigaddset(&set, table[i].signal);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		err = sd_event_add_signal(d->event, NULL, table[i].signal, table[i].handler, d);
		if (err < 0)
			return err;
	}
	return 0;
}

const char *daemon_storage(const struct daemon_options *options)
{
	return options->storage_path ? options->storage_path : DAEMON_DEFAULT_STORAGE;
}

static int open_store(struct daemon *d)
{
	const char *asked = d->options->storage_path;
	const char *dir = daemon_storage(d->options);
	scoped(freep) char *broken = NULL;
	char error[300] = "";
	int err;

	err = store_open(dir, d->event, &d->store, &broken, error, sizeof(error));
	if (!err && broken)
		log_error("the state in %s was broken: it is set aside as %s, and a new one begun",
			dir, broken);
	if (!err)
		return samples_open(d, dir);
	if (asked || err == -EBUSY) {
		log_error("--storage.path %s", error);
		return err;
	}
	log_warn("cannot keep state in %s (%s): alerts and notifications are forgotten at the end; "
		 "name a writable directory with --storage.path",
		dir, error);
	return store_open_memory(d->event, &d->store);
}

/* While a kernel event's scrape is written, each series that it changes wakes the rules that read it. */
static void on_sample(const struct labels *labels, double value, void *userdata)
{
	rules_touch(userdata, labels);
}

static void on_scrape_begin(const struct scrape_report *report, void *userdata)
{
	struct daemon *d = userdata;

	if (report->triggered)
		tsdb_observe(d->db, on_sample, d->rules);
}

static void on_scrape_end(const struct scrape_report *report, void *userdata)
{
	struct daemon *d = userdata;
	struct target_info info;

	tsdb_observe(d->db, NULL, NULL);
	if (!report->up)
		targets_sampled(report->target);
	if (!report->up_changed)
		return;
	target_info(report->target, &info);
	const struct log_field fields[] = {
		{ "job", info.job },
		{ "instance", info.address },
		{ "url", info.url },
		{ NULL, NULL },
	};

	if (report->up)
		log_event(LOG_LEVEL_INFO, NULL, fields, "target %s is up", info.url);
	else
		log_event(LOG_LEVEL_WARN, NULL, fields, "target %s is down: %s", info.url,
			report->error);
}

static void on_scrape_faults(const struct diag *diag, void *userdata)
{
	entry_diag(diag);
}

static void on_scrape_changed(void *userdata)
{
	struct daemon *d = userdata;

	targets_tie(d);
	log_info("targets changed by a file: %zu targets", scrape_targets(d->scrape));
}

static bool is_ready(void *userdata)
{
	return ((struct daemon *)userdata)->ready;
}

static const struct config *config_in_force(void *userdata)
{
	return ((struct daemon *)userdata)->config;
}

static int64_t default_step_ms(void *userdata)
{
	return ((struct daemon *)userdata)->config->global.evaluation_interval_ms;
}

static void own_metrics(struct strbuf *out, void *userdata)
{
	const struct daemon *d = userdata;

	static const char result[] = "tolld_config_reloads_total";
	/* Alertmanager's rules ask for the other two. */
	const struct {
		const char *name;
		double value;
	} rows[] = {
		{ "tolld_config_last_reload_successful", d->reload_ok },
		{ "alertmanager_config_last_reload_successful", d->reload_ok },
		{ "alertmanager_config_last_reload_success_timestamp_seconds",
			(double)d->reload_wall_ms / 1000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		exposition_family(out, rows[i].name);
		exposition_sample(out, rows[i].name, 0, NULL, rows[i].value);
	}
	exposition_family(out, result);
	exposition_sample(out, result, 1, (const char *const[][2]){ { "result", "success" } },
		(double)d->reloads_ok);
	exposition_sample(out, result, 1, (const char *const[][2]){ { "result", "failure" } },
		(double)d->reloads_failed);
	exposition_histogram(out, "tolld_loop_turn_seconds", &d->turns_s);
	alarms_metrics(d, out);
}

/* Now, because ports below 1024 are root's; what is at fault is told now, too. */
static int bind_all(struct daemon *d)
{
	const struct daemon_options *options = d->options;
	char error[300] = "";
	int err;

	d->sockets = malloc(options->n_listen * sizeof(*d->sockets));
	if (!d->sockets)
		return -ENOMEM;
	for (size_t i = 0; i < options->n_listen; i++)
		d->sockets[i] = -1;
	for (size_t i = 0; i < options->n_listen; i++) {
		err = api_bind(options->listen[i], &d->sockets[i], error, sizeof(error));
		if (!err)
			continue;
		if (!options->listen_is_default) {
			log_error("--web.listen-address %s: %s", options->listen[i], error);
			return err;
		}
		log_warn("not listening on %s: %s", options->listen[i], error);
	}
	return 0;
}

static int serve_all(struct daemon *d)
{
	const struct daemon_options *options = d->options;
	const struct api_options api = { .enable_lifecycle = options->enable_lifecycle,
		.enable_remote_write = options->enable_remote_write,
		.cors_origin = options->cors_origin,
		.external_url = d->external_url,
		.hostname = d->hostname,
		.route_prefix = options->route_prefix,
		.query_timeout_ms = options->query_timeout_ms,
		.query_lookback_ms = options->query_lookback_ms,
		.query_max_samples = options->query_max_samples };
	const struct api_sources sources = {
		.db = d->db,
		.scrape = d->scrape,
		.rules = d->rules,
		.notify = d->notify,
		.forward = d->forward,
		.watch = d->watch,
		.history = d->history,
		.store = d->store,
		.notices = notices_read,
		.notices_span = notices_span,
		.reload = reload,
		.ready = is_ready,
		.config = config_in_force,
		.runtime = status_runtime,
		.flags = status_flags_of,
		.default_step_ms = default_step_ms,
		.metrics = own_metrics,
		.userdata = d,
		.started_wall_ms = d->started.wall_ms,
	};
	char error[300] = "";
	int err;

	err = api_new(d->event, &api, &sources, &d->api);
	for (size_t i = 0; i < options->n_listen && !err; i++) {
		if (d->sockets[i] < 0)
			continue;
		err = api_serve(d->api, d->sockets[i], error, sizeof(error));
		d->sockets[i] = -1;
		if (err)
			log_error("%s: %s", options->listen[i], error);
		else
			log_info("Listening on %s", options->listen[i]);
	}
	return err;
}

static void name_boot(struct daemon *d)
{
	scoped(closep) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, d->boot_name, sizeof(d->boot_name) - 1) : 0;

	d->boot_name[MAX(n, (ssize_t)0)] = '\0';
	d->boot_name[strcspn(d->boot_name, "\n")] = '\0';
	d->boot_id = hash_fnv1a(HASH_FNV1A_INIT, d->boot_name, strlen(d->boot_name));
}

static int name_host(struct daemon *d)
{
	if (gethostname(d->hostname, sizeof(d->hostname) - 1) < 0 || !d->hostname[0])
		snprintf(d->hostname, sizeof(d->hostname), "localhost");
	if (d->options->external_url) {
		d->external_url = strdup(d->options->external_url);
		for (size_t n = d->external_url ? strlen(d->external_url) : 0;
			n && d->external_url[n - 1] == '/'; n--)
			d->external_url[n - 1] = '\0';
	} else {
		const char *colon = strrchr(d->options->listen[0], ':');

		if (asprintf(&d->external_url, "http://%s%s", d->hostname, colon ? colon : "") < 0)
			d->external_url = NULL;
	}
	return d->external_url ? 0 : -ENOMEM;
}

/* The store and those who keep their state in it. */
static int open_state(struct daemon *d)
{
	int err = open_store(d);

	if (err)
		return err;
	err = past_start(d);
	if (!err)
		err = notices_start(d);
	if (!err)
		err = alarms_start(d);
	if (!err)
		full_tell(d);
	if (err && err != -ENOMEM)
		log_error("--storage.path %s: %s", daemon_storage(d->options),
			err == -EINVAL ? "tolld.db has tables that are not this tolld's"
				       : strerror(-err));
	return err;
}

static int make_modules(struct daemon *d)
{
	const struct scrape_callbacks callbacks = {
		.begin = on_scrape_begin,
		.end = on_scrape_end,
		.faults = on_scrape_faults,
		.changed = on_scrape_changed,
		.userdata = d,
	};
	int err = rights_plan(d);

	/* What takes root comes first, and what begins a thread after that. */
	if (!err)
		err = targets_start(d);
	if (!err)
		err = bind_all(d);
	if (!err)
		err = rights_drop(d);
	if (!err)
		err = samples_start(d);
	if (!err)
		err = net_new(d->event, &d->net);
	if (!err)
		err = scrape_new(d->event, d->net, d->db, &callbacks, &d->scrape);
	if (!err)
		err = open_state(d);
	if (!err)
		err = figures_start(d);
	if (!err)
		err = services_start(d);
	return err;
}

/* Told by sd_notify() only when every part is there: systemd then starts what depends on us. */
static int start(struct daemon *d, struct config *config, struct diag *diag)
{
	int err;

	name_boot(d);
	err = name_host(d);
	if (!err)
		err = add_signals(d);
	if (!err)
		err = make_modules(d);
	if (!err)
		err = loop_start(d);
	if (!err)
		err = serve_all(d);
	if (!err)
		err = configure(d, config, diag);
	if (err)
		return err;
	d->ready = true;
	d->reload_ok = true;
	d->reload_wall_ms = clock_wall_ms();
	sd_event_set_watchdog(d->event, true);
	sd_notify(0, "READY=1");
	log_info("tolld %s is ready: %zu target%s, %zu rule group%s", TOLLD_VERSION,
		scrape_targets(d->scrape), scrape_targets(d->scrape) == 1 ? "" : "s",
		config->n_groups, config->n_groups == 1 ? "" : "s");
	return 0;
}

static void stop(struct daemon *d)
{
	alarms_stop(d);
	targets_stop(d);
	figures_stop(d);
	services_stop(d);
	loop_stop(d);
	past_stop(d);
	api_free(d->api);
	watch_free(d->watch);
	deliver_free(d->deliver);
	rules_free(d->rules);
	forward_free(d->forward);
	notify_free(d->notify);
	scrape_free(d->scrape);
	net_free(d->net);
	for (size_t i = 0; d->sockets && i < d->options->n_listen; i++)
		closep(&d->sockets[i]);
	free(d->sockets);
	samples_stop(d);
	store_close(d->store, STORE_CLOSE_MS);
	history_free(d->history);
	config_unref(d->config);
	free(d->external_url);
	sd_event_unref(d->event);
}

#define GIVE_BACK_BYTES (128 << 10)

/* Of the process as a whole, before there is anything in it. */
static void set_up_process(void)
{
	struct rlimit files;
	sigset_t hangup;

	/* One thread computes; a second arena of malloc's would only cost memory. */
	mallopt(M_ARENA_MAX, 1);
	/*
	 * What malloc has by itself to begin with. But it learns, and from the megabytes that loading the programs
	 * takes for a moment it would learn never to give anything back.
	 */
	mallopt(M_MMAP_THRESHOLD, GIVE_BACK_BYTES);
	mallopt(M_TRIM_THRESHOLD, GIVE_BACK_BYTES);
	/* Whoever asks for a reload while we start means the files as they are then. */
	sigemptyset(&hangup);
	sigaddset(&hangup, SIGHUP);
	sigprocmask(SIG_BLOCK, &hangup, NULL);
	/* The lower limit is for programs that use select(): a thousand services take more with the backend pidfd. */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int daemon_run(const struct daemon_options *options)
{
	struct daemon d = { .options = options, .clock_fd = -1, .started = clock_now() };
	scoped(config_unrefp) struct config *config = NULL;
	struct diag diag = DIAG_INIT;
	int err;

	set_up_process();
	if (!settings_files(options).n)
		log_info("no --config.file and no %s: running on built-in defaults, and alerts go "
			 "to this log",
			DAEMON_DEFAULT_CONFIG);
	err = load_checked(options, &config, &diag);
	if (!err)
		err = sd_event_default(&d.event) < 0 ? -ENOMEM : 0;
	if (!err)
		err = start(&d, config, &diag);
	entry_diag(&diag);
	if (err)
		log_error("tolld does not start: %s",
			diag.errors ? "the settings have faults" : strerror(-err));
	diag_release(&diag);
	if (!err) {
		err = loop_run(&d);
		log_info("tolld ends");
	}
	stop(&d);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
