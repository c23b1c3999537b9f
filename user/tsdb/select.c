/*
 * select.c - which series the matchers mean, and reading them.
 *
 * Series are found by the label values that must be there, the rarest first; what is left of the
 * matchers filters them one by one. A value is compared with an expression once, however many
 * series have it: texts are interned, so a small table by address remembers the answer.
 */
#include "tsdb/recall.h"

#include <errno.h>
#include "model/intern.h"

/* Ids in rising order; `ids` may be a posting's own. */
struct found {
	const uint32_t *ids;
	size_t n;
	uint32_t *owned;
};

static void found_release(struct found *found)
{
	free(found->owned);
}

#define MEMO_PLACES 256u

struct memo {
	const struct matcher *matcher;
	const char *name; /* interned */
	bool when_missing;
	struct {
		const char *value;
		bool matches;
	} places[MEMO_PLACES];
};

static void memo_init(struct memo *memo, const struct matcher *matcher)
{
	memset(memo, 0, sizeof(*memo));
	memo->matcher = matcher;
	memo->name = intern_peek(matcher->name, SIZE_MAX);
	memo->when_missing = matcher_matches(matcher, "");
}

static bool memo_matches(struct memo *memo, const struct labels *labels)
{
	const char *value = memo->name ? labels_get_interned(labels, memo->name) : NULL;
	size_t i;

	if (!value)
		return memo->when_missing;
	i = (size_t)(((uintptr_t)value * 0x9e3779b97f4a7c15ull) >> 56) & (MEMO_PLACES - 1);
	if (memo->places[i].value != value) {
		memo->places[i].value = value;
		memo->places[i].matches = matcher_matches(memo->matcher, value);
	}
	return memo->places[i].matches;
}

/* The first position from `at` on whose id is not below `id`, found in steps that double. */
static size_t seek(const uint32_t *ids, size_t n, size_t at, uint32_t id)
{
	size_t step = 1, low = at, high;

	while (at < n && ids[at] < id) {
		low = at + 1;
		at += step;
		step *= 2;
	}
	high = MIN(at, n);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int by_length(const void *a, const void *b)
{
	uint32_t na = (*(const struct posting *const *)a)->n;
	uint32_t nb = (*(const struct posting *const *)b)->n;

	return (na > nb) - (na < nb);
}

static int intersect(const struct posting **postings, size_t n, struct found *ret)
{
	size_t kept = 0, *at;
	uint32_t *ids;

	qsort(postings, n, sizeof(*postings), by_length);
	ret->ids = posting_ids(postings[0]);
	ret->n = postings[0]->n;
	if (n == 1)
		return 0;
	ids = malloc(ret->n * sizeof(*ids));
	at = calloc(n, sizeof(*at));
	if (!ids || !at) {
		free(ids);
		free(at);
		return -ENOMEM;
	}
	for (size_t i = 0; i < ret->n; i++) {
		size_t p = 1;

		for (; p < n; p++) {
			const uint32_t *others = posting_ids(postings[p]);

			at[p] = seek(others, postings[p]->n, at[p], ret->ids[i]);
			if (at[p] == postings[p]->n || others[at[p]] != ret->ids[i])
				break;
		}
		if (p == n)
			ids[kept++] = ret->ids[i];
	}
	free(at);
	*ret = (struct found){ .ids = ids, .n = kept, .owned = ids };
	return 0;
}

static bool must_have(const struct matcher *m)
{
	return m->type == MATCH_EQUAL && m->value[0];
}

/* By the matchers that name one value. false in *ret_any: there is none of them. */
static int find_equal(struct tsdb *db, const struct matcher *const *matchers, size_t n,
	bool *ret_any, struct found *ret)
{
	scoped(freep) const struct posting **postings = calloc(n + 1, sizeof(*postings));
	const struct index_name *name;
	const char *value;
	size_t k = 0;

	if (!postings)
		return -ENOMEM;
	*ret_any = false;
	for (size_t i = 0; i < n; i++) {
		if (!must_have(matchers[i]))
			continue;
		*ret_any = true;
		name = index_name(&db->index, matchers[i]->name);
		value = intern_peek(matchers[i]->value, SIZE_MAX);
		postings[k] = name && value ? index_posting(name, value) : NULL;
		if (!postings[k++]) {
			*ret = (struct found){ 0 };
			return 0;
		}
	}
	return k ? intersect(postings, k, ret) : 0;
}

/* All series that have a value which the matcher accepts; a set of bits puts them in order. */
static int find_values(struct tsdb *db, const struct matcher *matcher, struct found *ret)
{
	const struct index_name *name = index_name(&db->index, matcher->name);
	size_t n_words = db->n_slots / 64 + 1, n = 0;
	scoped(freep) uint64_t *words = calloc(n_words, sizeof(*words));
	uint32_t *ids;

	if (!words)
		return -ENOMEM;
	for (uint32_t i = 0; name && i < name->cap; i++) {
		const struct posting *p = &name->table[i];

		if (!p->value || !matcher_matches(matcher, p->value))
			continue;
		for (uint32_t k = 0; k < p->n; k++)
			words[posting_ids(p)[k] / 64] |= 1ull << (posting_ids(p)[k] % 64);
		n += p->n;
	}
	ids = malloc((n + 1) * sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	n = 0;
	for (size_t w = 0; w < n_words; w++) {
		for (uint64_t bits = words[w]; bits; bits &= bits - 1)
			ids[n++] = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(bits);
	}
	*ret = (struct found){ .ids = ids, .n = n, .owned = ids };
	return 0;
}

static int find_all(struct tsdb *db, struct found *ret)
{
	uint32_t *ids = malloc((db->n_slots + 1) * sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	for (uint32_t i = 0; i < db->n_slots; i++)
		ids[i] = i;
	*ret = (struct found){ .ids = ids, .n = db->n_slots, .owned = ids };
	return 0;
}

static int find_candidates(
	struct tsdb *db, const struct matcher *const *matchers, size_t n, struct found *ret)
{
	bool any;
	int err = find_equal(db, matchers, n, &any, ret);

	if (err || any)
		return err;
	for (size_t i = 0; i < n; i++) {
		if (!matcher_matches(matchers[i], ""))
			return find_values(db, matchers[i], ret);
	}
	return find_all(db, ret);
}

/* The candidates that live and that the other matchers accept, as series. */
static int find_series(struct tsdb *db, const struct matcher *const *matchers, size_t n,
	struct series ***ret, size_t *ret_n)
{
	scoped(found_release) struct found found = { 0 };
	scoped(freep) struct memo *memo = NULL;
	struct series **series;
	size_t kept = 0, left;
	int err;

	err = find_candidates(db, matchers, n, &found);
	if (err)
		return err;
	memo = malloc(sizeof(*memo));
	series = malloc((found.n + 1) * sizeof(*series));
	if (!series || !memo) {
		free(series);
		return -ENOMEM;
	}
	for (size_t i = 0; i < found.n; i++) {
		if (db->slots[found.ids[i]])
			series[kept++] = db->slots[found.ids[i]];
	}
	for (size_t m = 0; m < n && kept; m++) {
		if (must_have(matchers[m]))
			continue;
		memo_init(memo, matchers[m]);
		left = 0;
		for (size_t i = 0; i < kept; i++) {
			if (memo_matches(memo, series[i]->labels))
				series[left++] = series[i];
		}
		kept = left;
	}
	*ret = series;
	*ret_n = kept;
	return 0;
}

/* By chunk bounds: it may turn out that there is no sample in between. */
static bool has_samples(const struct series *s, int64_t min_wall_ms, int64_t max_wall_ms)
{
	return !series_empty(s) && series_first_ms(s) <= max_wall_ms && s->state.ms >= min_wall_ms;
}

int tsdb_select(struct tsdb *db, const struct matcher *const *matchers, size_t n_matchers,
	int64_t min_wall_ms, int64_t max_wall_ms, struct tsdb_selection *ret)
{
	struct series **series;
	size_t n, kept = 0;
	int err;

	err = find_series(db, matchers, n_matchers, &series, &n);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++) {
		if (has_samples(series[i], min_wall_ms, max_wall_ms))
			series[kept++] = series_ref(series[i]);
	}
	order_sort(db, series, kept);
	*ret = (struct tsdb_selection){ .series = series, .n = kept };
	return 0;
}

void tsdb_selection_release(struct tsdb_selection *selection)
{
	for (size_t i = 0; i < selection->n; i++)
		series_unref(selection->series[i]);
	free(selection->series);
	*selection = (struct tsdb_selection){ 0 };
}

/* What follows in memory; NULL at the end. */
static const struct chunk *next_chunk(const struct series *s, const struct chunk *c)
{
	if (c == s->open)
		return NULL;
	return c->next ? c->next : s->open;
}

/* The first chunk in memory that matters. */
static const struct chunk *first_chunk(const struct series *series, int64_t min_wall_ms)
{
	const struct chunk *c = series->oldest ? series->oldest : series->open;

	/* Most queries want the last minutes: the way to those must not lead past a day of chunks. */
	if (series->newest && series->newest->first_ms <= min_wall_ms)
		c = series->newest;
	while (c && c->last_ms < min_wall_ms)
		c = next_chunk(series, c);
	return c;
}

static void leave_recall(struct series_iter *it)
{
	recall_free(TAKE(it->recall));
	it->chunk = first_chunk(it->series, it->min_wall_ms);
	it->until_ms = INT64_MAX;
}

/* The chunk after the one that was read. */
static void advance(struct series_iter *it)
{
	it->index = 0;
	it->bit = 0;
	if (!it->recall) {
		it->chunk = next_chunk(it->series, it->chunk);
		return;
	}
	it->chunk = recall_next(it->recall, &it->until_ms);
	if (!it->chunk)
		leave_recall(it);
}

void series_iter_init(struct series_iter *it, const struct series *series, int64_t min_wall_ms,
	int64_t max_wall_ms)
{
	struct tsdb *db = series->db;

	*it = (struct series_iter){ .series = series,
		.min_wall_ms = min_wall_ms,
		.max_wall_ms = max_wall_ms,
		.until_ms = INT64_MAX };
	if (recall_open(db, series, min_wall_ms, max_wall_ms, &it->recall))
		db->disk->unreadable++;
	if (it->recall)
		advance(it);
	else
		it->chunk = first_chunk(series, min_wall_ms);
}

void series_iter_release(struct series_iter *it)
{
	recall_free(TAKE(it->recall));
	it->chunk = NULL;
}

bool series_iter_next(struct series_iter *it, struct sample *ret)
{
	struct chunk_state *state = &it->state;

	do {
		while (it->chunk && (!chunk_next(it->chunk, it->index, &it->bit, state) ||
					    state->ms > it->until_ms))
			advance(it);
		if (!it->chunk || state->ms > it->max_wall_ms) {
			series_iter_release(it);
			return false;
		}
		it->index++;
		/* A block may have once more what was cut off another one. */
	} while (state->ms < it->min_wall_ms);
	it->min_wall_ms = state->ms + 1;
	ret->wall_ms = state->ms;
	memcpy(&ret->value, &state->value_bits, sizeof(ret->value));
	return true;
}

bool series_newest(
	const struct series *series, int64_t min_wall_ms, int64_t max_wall_ms, struct sample *ret)
{
	struct series_iter it;
	struct sample sample;
	bool found = false;

	/* Mostly it is the last one, which nothing has to be unpacked for. */
	if (series_in_memory(series) && !series->guessed && series->state.ms <= max_wall_ms)
		return series->state.ms >= min_wall_ms && series_last(series, ret);
	series_iter_init(&it, series, min_wall_ms, max_wall_ms);
	while (series_iter_next(&it, &sample)) {
		found = true;
		*ret = sample;
	}
	return found;
}

/* Texts of which many are the same: told apart by address, now and then, so that they stay few. */
struct distinct {
	const char **v;
	size_t n, cap;
};

static int by_address(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (const char *const *)a,
		  y = (uintptr_t) * (const char *const *)b;

	return (x > y) - (x < y);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void distinct_squeeze(struct distinct *d)
{
	size_t kept = 0;

	if (!d->n)
		return;
	qsort(d->v, d->n, sizeof(*d->v), by_address);
	for (size_t i = 0; i < d->n; i++) {
		if (!kept || d->v[kept - 1] != d->v[i])
			d->v[kept++] = d->v[i];
	}
	d->n = kept;
}

static bool distinct_add(struct distinct *d, const char *text)
{
	if (d->n && d->n == d->cap) {
		distinct_squeeze(d);
		if (d->n > d->cap / 2 && !vec_reserve(d->v, d->cap, d->cap))
			return false;
	}
	if (!vec_reserve(d->v, d->n, d->cap))
		return false;
	d->v[d->n++] = text;
	return true;
}

static void distinct_finish(struct distinct *d, const char ***ret, size_t *ret_n)
{
	distinct_squeeze(d);
	if (d->n)
		qsort(d->v, d->n, sizeof(*d->v), by_text);
	*ret = d->v;
	*ret_n = d->n;
}

/* Names, or the values of `name` where it is not NULL, of all series. */
static bool collect_all(struct tsdb *db, const char *name, struct distinct *d)
{
	const struct index_name *values = name ? index_name(&db->index, name) : NULL;

	if (!name) {
		map_foreach (&db->index.names, e) {
			if (!distinct_add(d, ((const struct index_name *)e->value)->name))
				return false;
		}
	}
	for (uint32_t i = 0; values && i < values->cap; i++) {
		if (values->table[i].value && !distinct_add(d, values->table[i].value))
			return false;
	}
	return true;
}

static bool collect_of(const struct labels *labels, const char *name, struct distinct *d)
{
	for (unsigned i = 0; i < labels->n; i++) {
		if (!name && !distinct_add(d, labels->v[i].name))
			return false;
		if (name == labels->v[i].name && !distinct_add(d, labels->v[i].value))
			return false;
	}
	return true;
}

static int collect(struct tsdb *db, const char *name, const struct series_query *query,
	const char ***ret, size_t *ret_n)
{
	struct distinct d = { 0 };
	struct series **series = NULL;
	size_t n_series = 0;
	bool good = true;
	int err = 0;

	if (query->n || query->min_wall_ms != INT64_MIN || query->max_wall_ms != INT64_MAX)
		err = find_series(db, query->matchers, query->n, &series, &n_series);
	else
		good = collect_all(db, name, &d);
	for (size_t i = 0; !err && good && i < n_series; i++) {
		if (has_samples(series[i], query->min_wall_ms, query->max_wall_ms))
			good = collect_of(series[i]->labels, name, &d);
	}
	free(series);
	if (err || !good) {
		free(d.v);
		return err ? err : -ENOMEM;
	}
	distinct_finish(&d, ret, ret_n);
	return 0;
}

int tsdb_label_names(
	struct tsdb *db, const struct series_query *query, const char ***ret, size_t *ret_n)
{
	return collect(db, NULL, query, ret, ret_n);
}

int tsdb_label_values(struct tsdb *db, const char *name, const struct series_query *query,
	const char ***ret, size_t *ret_n)
{
	const char *interned = intern_peek(name, SIZE_MAX);

	if (!interned) {
		*ret = NULL;
		*ret_n = 0;
		return 0;
	}
	return collect(db, interned, query, ret, ret_n);
}

void tsdb_count(const struct tsdb *db, tsdb_count_fn *fn, void *userdata)
{
	map_foreach (&db->index.names, e) {
		const struct index_name *name = e->value;

		for (uint32_t i = 0; i < name->cap; i++) {
			if (name->table[i].value)
				fn(name->name, name->table[i].value, name->table[i].live, userdata);
		}
	}
}
