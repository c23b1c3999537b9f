/*
 * cache.c - raw metric text to series, stale markers.
 */
#include "scrape/cache.h"

#include <errno.h>
#include <stdio.h>
#include "base/hash.h"
#include "model/intern.h"
#include "scrape/openmetrics.h"
#include "scrape/scrape.h"

struct cache_entry {
	struct cache_entry *next; /* of one bucket */
	uint64_t hash;
	union {
		struct series *series; /* NULL: relabelling drops this line */
		struct labels *labels; /* while it is fresh */
	};
	uint32_t round;	     /* when it was seen last */
	uint32_t place;	     /* in `order` */
	uint32_t live_round; /* when it last had a sample without a time of its own */
	bool live;	     /* it did, and no stale marker since */
	bool retired;	     /* no line leads here any more */
	uint32_t len;
	char raw[];
};

#define FIRST_BUCKETS 64u

static struct cache_entry **find(
	const struct scrape_cache *cache, const char *raw, size_t len, uint64_t hash)
{
	struct cache_entry **at = &cache->buckets[hash & (cache->n_buckets - 1)];

	while (*at && ((*at)->hash != hash || (*at)->retired || (*at)->len != len ||
			      memcmp((*at)->raw, raw, len)))
		at = &(*at)->next;
	return at;
}

/* A full table that cannot grow still works, only slower. */
static bool grow(struct scrape_cache *cache)
{
	size_t n = cache->n_buckets ? cache->n_buckets * 2 : FIRST_BUCKETS;
	struct cache_entry **buckets = calloc(n, sizeof(struct cache_entry *)), *e, *next;

	if (!buckets)
		return cache->n_buckets > 0;
	for (size_t i = 0; i < cache->n_buckets; i++) {
		for (e = cache->buckets[i]; e; e = next) {
			next = e->next;
			e->next = buckets[e->hash & (n - 1)];
			buckets[e->hash & (n - 1)] = e;
		}
	}
	free(cache->buckets);
	cache->buckets = buckets;
	cache->n_buckets = n;
	return true;
}

/* Out of the table and freed; its series or labels are the caller's to let go. */
static void entry_drop(struct scrape_cache *cache, struct cache_entry *e)
{
	struct cache_entry **at = &cache->buckets[e->hash & (cache->n_buckets - 1)];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	cache->n--;
	free(e);
}

void scrape_cache_release(struct scrape_cache *cache)
{
	struct cache_entry *e, *next;

	for (size_t i = 0; i < cache->n_buckets; i++) {
		for (e = cache->buckets[i]; e; e = next) {
			next = e->next;
			series_unref(e->series);
			free(e);
		}
	}
	families_release(&cache->families);
	free(cache->buckets);
	free(cache->order);
	*cache = SCRAPE_CACHE_INIT;
}

void scrape_cache_retire(struct scrape_cache *cache)
{
	for (size_t i = 0; i < cache->n_order; i++)
		cache->order[i]->retired = true;
}

static int shorter_first(const void *a, const void *b)
{
	const struct label *x = a, *y = b;
	size_t nx = strlen(x->name), ny = strlen(y->name);

	return nx != ny ? (nx > ny) - (nx < ny) : strcmp(x->name, y->name);
}

/* The target's label wins; the sample's own one becomes exported_NAME, or exported_exported_NAME. */
static void override_labels(struct labels_builder *b, const struct labels *target)
{
	scoped(freep) struct label *clashes = calloc(target->n + 1, sizeof(*clashes));
	struct strbuf name = STRBUF_INIT;
	size_t n = 0;

	if (!clashes) {
		b->err = -ENOMEM;
		return;
	}
	for (unsigned i = 0; i < target->n; i++) {
		const char *own = labels_builder_get(b, target->v[i].name);

		if (own) {
			clashes[n].name = target->v[i].name;
			clashes[n++].value = intern_ref(own);
		}
		labels_builder_set(b, target->v[i].name, target->v[i].value);
	}
	qsort(clashes, n, sizeof(*clashes), shorter_first);
	for (size_t i = 0; i < n; i++) {
		strbuf_reset(&name);
		do {
			/* All prefixes are the same, so adding one in front is adding one here. */
			strbuf_truncate(&name, name.len - MIN(name.len, strlen(clashes[i].name)));
			strbuf_adds(&name, "exported_");
			strbuf_adds(&name, clashes[i].name);
		} while (!name.err && labels_builder_get(b, name.s));
		b->err = name.err ? name.err : b->err;
		labels_builder_set(b, name.s, clashes[i].value);
		intern_unref(clashes[i].value);
	}
	strbuf_release(&name);
}

static void honor_labels(
	struct labels_builder *b, const struct labels *target, const struct exposition_entry *entry)
{
	for (unsigned i = 0; i < target->n; i++) {
		const struct label *l = &target->v[i];

		/* instance="" in the text means: no such label, not even the target's. */
		if (!labels_builder_get(b, l->name) &&
			!exposition_has_label(entry->series, entry->series_len, l->name))
			labels_builder_set(b, l->name, l->value);
	}
}

static bool is_left_out(const struct ingest_settings *settings, const struct labels_builder *b)
{
	const char *name = settings->leave_out ? labels_builder_get(b, LABEL_NAME) : NULL;

	return name && starts_with(name, settings->leave_out);
}

/* *ret is NULL where relabelling drops the sample. */
static int relabel(const struct ingest_settings *settings, struct labels_builder *b,
	struct labels **ret, char *error, size_t error_size)
{
	bool kept =
		!is_left_out(settings, b) && relabel_apply(settings->rules, settings->n_rules, b);

	if (b->err || (kept && labels_builder_get(b, LABEL_NAME)))
		return labels_build(b, ret);
	labels_builder_release(b);
	if (kept) {
		snprintf(error, error_size,
			"missing metric name (__name__ label) after metric_relabel_configs");
		return -EINVAL;
	}
	*ret = NULL;
	return 0;
}

/* Prometheus's words (scrape.go, verifyLabelLimits), which people search for. */
static int check_labels(const struct ingest_settings *settings, const struct labels *labels,
	char *error, size_t error_size)
{
	const char *metric = labels_get(labels, LABEL_NAME);

	if (settings->max_labels && labels->n > settings->max_labels) {
		snprintf(error, error_size,
			"label_limit exceeded (metric: %.50s, number of labels: %u, limit: %zu)",
			metric, labels->n, settings->max_labels);
		return -EINVAL;
	}
	for (unsigned i = 0; i < labels->n; i++) {
		const struct label *l = &labels->v[i];
		size_t name = strlen(l->name), value = strlen(l->value);

		if (settings->max_label_name_bytes && name > settings->max_label_name_bytes) {
			snprintf(error, error_size,
				"label_name_length_limit exceeded (metric: %.50s, label name: %.50s, "
				"length: %zu, limit: %zu)",
				metric, l->name, name, settings->max_label_name_bytes);
			return -EINVAL;
		}
		if (settings->max_label_value_bytes && value > settings->max_label_value_bytes) {
			snprintf(error, error_size,
				"label_value_length_limit exceeded (metric: %.50s, label name: %.50s, "
				"value: \"%.50s\", length: %zu, limit: %zu)",
				metric, l->name, l->value, value, settings->max_label_value_bytes);
			return -EINVAL;
		}
		if (settings->legacy_names &&
			!(streq(l->name, LABEL_NAME) ? metric_name_valid_classic(l->value, value)
						     : label_name_valid_classic(l->name, name))) {
			snprintf(error, error_size, "invalid metric name or label names: %.100s",
				streq(l->name, LABEL_NAME) ? l->value : l->name);
			return -EINVAL;
		}
	}
	return 0;
}

static int make_labels(const struct ingest_settings *settings, const struct exposition_entry *entry,
	enum metric_type type, struct labels **ret, char *error, size_t error_size)
{
	struct labels_builder b = LABELS_BUILDER_INIT;
	struct labels *labels = NULL;
	bool twice;
	int err;

	exposition_labels(entry->series, entry->series_len, type, &b, &twice);
	if (twice) {
		snprintf(error, error_size, "a label stands twice in %.*s",
			(int)MIN(entry->series_len, (size_t)100), entry->series);
		labels_builder_release(&b);
		return -EINVAL;
	}
	if (settings->honor_labels)
		honor_labels(&b, settings->target_labels, entry);
	else
		override_labels(&b, settings->target_labels);
	err = relabel(settings, &b, &labels, error, error_size);
	if (!err && labels)
		err = check_labels(settings, labels, error, error_size);
	if (err)
		labels_unref(labels);
	else
		*ret = labels;
	return err;
}

static int make_entry(struct scrape_cache *cache, const struct ingest_settings *settings,
	const struct exposition_entry *entry, enum metric_type type, uint64_t hash,
	struct cache_entry **ret, char *error, size_t error_size)
{
	struct labels *labels = NULL;
	struct cache_entry *e;
	int err;

	if (!vec_reserve(cache->fresh, cache->n_fresh, cache->cap_fresh))
		return -ENOMEM;
	err = make_labels(settings, entry, type, &labels, error, error_size);
	if (err)
		return err;
	e = malloc(sizeof(*e) + entry->series_len);
	if (!e) {
		labels_unref(labels);
		return -ENOMEM;
	}
	*e = (struct cache_entry){ .hash = hash,
		.labels = labels,
		.round = cache->round - 1,
		.len = (uint32_t)entry->series_len };
	memcpy(e->raw, entry->series, entry->series_len);
	if (cache->n >= cache->n_buckets)
		grow(cache);
	e->next = cache->buckets[hash & (cache->n_buckets - 1)];
	cache->buckets[hash & (cache->n_buckets - 1)] = e;
	cache->n++;
	cache->fresh[cache->n_fresh++] = e;
	*ret = e;
	return 0;
}

/* Everything of one scrape_cache_read(). */
struct reading {
	struct scrape_cache *cache;
	const struct ingest_settings *settings;
	struct exposition text;
	struct ingest_counts *counts;
	size_t expected; /* the place in `order` whose text should come next */
	char *error;
	size_t error_size;
};

static int find_entry(
	struct reading *r, const struct exposition_entry *entry, struct cache_entry **ret)
{
	uint64_t hash = hash_seeded(entry->series, entry->series_len);
	struct cache_entry *e = *find(r->cache, entry->series, entry->series_len, hash);

	if (!e)
		return make_entry(r->cache, r->settings, entry, r->text.type, hash, ret, r->error,
			r->error_size);
	if (e->place < r->cache->n_order && r->cache->order[e->place] == e)
		r->expected = e->place + 1;
	*ret = e;
	return 0;
}

static int stage(struct reading *r, struct cache_entry *e, const struct exposition_entry *entry)
{
	struct scrape_cache *cache = r->cache;
	bool timed = entry->has_time && r->settings->honor_timestamps, again;

	again = e->round == cache->round;
	if (!vec_reserve(cache->staged, cache->n_staged, cache->cap_staged) ||
		!vec_reserve(cache->seen, cache->n_seen, cache->cap_seen))
		return -ENOMEM;
	if (!again) {
		e->round = cache->round;
		cache->seen[cache->n_seen++] = e;
	}
	if (!e->series)
		return 0;
	r->counts->added++;
	if (again && !timed) {
		r->counts->dropped++;
		return 0;
	}
	cache->staged[cache->n_staged++] = (struct staged){ .entry = e,
		.value = entry->value,
		.wall_ms = timed ? MAX(entry->wall_ms, STAGED_NO_TIME + 1) : STAGED_NO_TIME };
	return 0;
}

static int next_entry(struct exposition *text, struct exposition_entry *entry)
{
	return text->openmetrics ? openmetrics_next(text, entry) : exposition_next(text, entry);
}

static int expect_family(struct reading *r)
{
	if (r->text.openmetrics || r->text.at >= r->text.end || *r->text.at != '#')
		return 0;
	return families_expect(&r->cache->families, &r->text);
}

static int expect_entry(
	struct exposition *text, const struct cache_entry *guess, struct exposition_entry *entry)
{
	return text->openmetrics ? openmetrics_expect(text, guess->raw, guess->len, entry)
				 : exposition_expect(text, guess->raw, guess->len, entry);
}

/* The next sample and its entry; an exposition_kind or a negative errno. */
static int next_sample(struct reading *r, struct exposition_entry *entry, struct cache_entry **ret)
{
	struct scrape_cache *cache = r->cache;
	struct cache_entry *guess;
	int kind, err;

	for (;;) {
		err = expect_family(r);
		if (err < 0)
			return err;
		if (err)
			continue;
		guess = r->expected < cache->n_order ? cache->order[r->expected] : NULL;
		if (guess && guess->retired)
			guess = NULL;
		kind = guess ? expect_entry(&r->text, guess, entry) : 0;
		if (kind == 1) {
			r->expected++;
			*ret = guess;
			return EXPOSITION_SAMPLE;
		}
		if (!kind)
			kind = next_entry(&r->text, entry);
		if (kind < 0)
			snprintf(r->error, r->error_size, "%s", r->text.error);
		if (kind < 0 || kind == EXPOSITION_END)
			return kind;
		*ret = NULL;
		if (kind == EXPOSITION_SAMPLE)
			return kind;
		err = families_note(&cache->families, kind, &r->text, entry);
		if (err)
			return err;
	}
}

static int read_all(struct reading *r)
{
	struct exposition_entry entry = { 0 };
	struct cache_entry *e = NULL;
	int kind, err = 0;

	while ((kind = next_sample(r, &entry, &e)) == EXPOSITION_SAMPLE) {
		r->counts->scraped++;
		if (!e)
			err = find_entry(r, &entry, &e);
		if (!err)
			err = stage(r, e, &entry);
		if (err)
			return err;
	}
	return kind;
}

static int tell_limit(const struct reading *r)
{
	snprintf(r->error, r->error_size,
		"sample limit exceeded: %zu samples where %zu are allowed", r->counts->added,
		r->settings->max_samples);
	return -EINVAL;
}

/* "a 1" and its line's end: a shorter text cannot hold more than one sample in so many bytes. */
#define SHORTEST_SAMPLE_BYTES 4

/*
 * A body that may be past the limit is counted before anything is made of it: a target gone mad
 * must not cost a million label sets at every scrape. Where relabelling may drop most of it, only
 * tolld's own limit is for the body as it came.
 */
static int check_limit(struct reading *r, size_t len)
{
	struct exposition text = r->text;
	struct exposition_entry entry;
	size_t n = 0, max = r->settings->max_samples;
	int kind;

	if (r->settings->n_rules || r->settings->leave_out)
		max = MAX(max, (size_t)SCRAPE_MAX_SAMPLES);
	if (len / SHORTEST_SAMPLE_BYTES < max)
		return 0;
	while ((kind = next_entry(&text, &entry)) > EXPOSITION_END)
		n += kind == EXPOSITION_SAMPLE;
	if (kind == EXPOSITION_END && n <= max)
		return 0;
	r->counts->scraped = r->counts->added = n;
	if (kind == EXPOSITION_END)
		return tell_limit(r);
	snprintf(r->error, r->error_size, "%s", text.error);
	return -EINVAL;
}

static int find_series(struct scrape_cache *cache, struct tsdb *db, size_t *ret_added, char *error,
	size_t error_size)
{
	struct series *series;
	int err;

	for (size_t i = 0; i < cache->n_fresh; i++) {
		struct cache_entry *e = cache->fresh[i];

		if (!e->labels)
			continue;
		err = tsdb_series(db, e->labels, &series);
		if (err) {
			if (err == -ENOSPC)
				snprintf(
					error, error_size, "the sample store takes no more series");
			/* What stands before it holds series already, not labels. */
			for (size_t k = 0; k < i; k++) {
				series_unref(cache->fresh[k]->series);
				entry_drop(cache, cache->fresh[k]);
			}
			cache->n_fresh -= i;
			memmove(cache->fresh, cache->fresh + i,
				cache->n_fresh * sizeof(*cache->fresh));
			return err;
		}
		labels_unref(e->labels);
		e->series = series;
		++*ret_added;
	}
	return 0;
}

static void forget_reading(struct scrape_cache *cache)
{
	free(cache->seen);
	free(cache->fresh);
	free(cache->staged);
	cache->seen = NULL;
	cache->fresh = NULL;
	cache->staged = NULL;
	cache->n_seen = cache->cap_seen = 0;
	cache->n_fresh = cache->cap_fresh = 0;
	cache->n_staged = cache->cap_staged = 0;
}

int scrape_cache_read(struct scrape_cache *cache, struct tsdb *db,
	const struct ingest_settings *settings, const char *text, size_t len,
	struct ingest_counts *counts, char *error, size_t error_size)
{
	struct reading r = { .cache = cache,
		.settings = settings,
		.counts = counts,
		.error = error,
		.error_size = error_size };
	int err;

	*counts = (struct ingest_counts){ 0 };
	snprintf(error, error_size, "out of memory");
	cache->round++;
	families_begin(&cache->families);
	cache->track_timestamps = settings->track_timestamps;
	if (!cache->n_buckets && !grow(cache))
		return -ENOMEM;
	exposition_init(&r.text, text, len);
	r.text.openmetrics = settings->openmetrics;
	err = check_limit(&r, len);
	if (!err)
		err = read_all(&r);
	if (!err && counts->added > settings->max_samples)
		err = tell_limit(&r);
	if (!err)
		err = find_series(cache, db, &counts->series_added, error, error_size);
	if (!err)
		return 0;
	counts->series_added = 0;
	for (size_t i = 0; i < cache->n_fresh; i++) {
		labels_unref(cache->fresh[i]->labels);
		entry_drop(cache, cache->fresh[i]);
	}
	forget_reading(cache);
	return err;
}

/* Another line may have written the same series at this very time: then the marker is refused. */
static void mark_stale(struct tsdb *db, struct cache_entry *e, int64_t wall_ms)
{
	if (e->live)
		tsdb_append(db, e->series, wall_ms, stale_nan());
	e->live = false;
}

void scrape_cache_commit(
	struct scrape_cache *cache, struct tsdb *db, int64_t wall_ms, struct ingest_counts *counts)
{
	for (size_t i = 0; i < cache->n_staged; i++) {
		const struct staged *s = &cache->staged[i];
		bool timed = s->wall_ms != STAGED_NO_TIME;

		if (!timed || cache->track_timestamps) {
			s->entry->live = true;
			s->entry->live_round = cache->round;
		}
		if ((timed && s->wall_ms > wall_ms + SCRAPE_MAX_AHEAD_MS) ||
			tsdb_append(db, s->entry->series, timed ? s->wall_ms : wall_ms, s->value))
			counts->dropped++;
	}
	for (size_t i = 0; i < cache->n_order; i++) {
		struct cache_entry *e = cache->order[i];

		if (e->live_round != cache->round)
			mark_stale(db, e, wall_ms);
		if (e->round != cache->round) {
			series_unref(e->series);
			entry_drop(cache, e);
		}
	}
	free(cache->order);
	cache->order = TAKE(cache->seen);
	cache->n_order = cache->n_seen;
	for (size_t i = 0; i < cache->n_order; i++)
		cache->order[i]->place = (uint32_t)i;
	families_commit(&cache->families);
	forget_reading(cache);
}

void scrape_cache_end(struct scrape_cache *cache, struct tsdb *db, int64_t wall_ms)
{
	for (size_t i = 0; i < cache->n_order; i++)
		mark_stale(db, cache->order[i], wall_ms);
}
