/*
 * output.c - samples that rules write, and the stale markers that end them.
 */
#include "rules/private.h"

#include <errno.h>

int output_write(struct rule *rule, const struct labels *labels, double value, struct instant at)
{
	size_t key_len = labels->n * sizeof(struct label);
	struct output_series *output = map_get(&rule->outputs, labels->v, key_len);
	struct sample last;
	bool changed;
	int err;

	if (!output) {
		output = calloc(1, sizeof(*output));
		if (!output)
			return -ENOMEM;
		err = tsdb_series(rule->group->manager->db, labels, &output->series);
		if (!err) {
			err = map_put(
				&rule->outputs, series_labels(output->series)->v, key_len, output);
			if (err)
				series_unref(output->series);
		}
		if (err) {
			free(output);
			return err;
		}
	}
	/* Alerts of one rule may share a series, where a template gave nothing: one of them has it. */
	if (output->written)
		return 0;
	changed = !series_last(output->series, &last) || memcmp(&last.value, &value, sizeof(value));
	output->written = true;
	err = tsdb_append(rule->group->manager->db, output->series, at.wall_ms, value);
	rule->collided = rule->collided || err == -EEXIST;
	if (err == -EEXIST || err == -ERANGE)
		return 0;
	if (!err && changed)
		readers_touch(rule, labels);
	return err;
}

void output_conclude(struct rule *rule, struct instant at)
{
	map_foreach (&rule->outputs, e) {
		struct output_series *output = e->value;
		struct labels *labels;

		if (output->written) {
			output->written = false;
			continue;
		}
		tsdb_append(rule->group->manager->db, output->series, at.wall_ms, stale_nan());
		labels = labels_ref(series_labels(output->series));
		map_del(&rule->outputs, labels->v, labels->n * sizeof(struct label));
		series_unref(output->series);
		free(output);
		readers_touch(rule, labels);
		labels_unref(labels);
	}
}

void output_abandon(struct rule *rule)
{
	map_foreach (&rule->outputs, e)
		((struct output_series *)e->value)->written = false;
}

void output_release(struct rule *rule)
{
	map_foreach (&rule->outputs, e) {
		struct output_series *output = e->value;

		series_unref(output->series);
		free(output);
	}
	map_release(&rule->outputs);
}
