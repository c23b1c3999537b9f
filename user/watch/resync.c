/*
 * resync.c - asks the kernel who lives, once a minute and after a loss, and believes it.
 */
#include <errno.h>
#include <stdlib.h>
#include "watch/select.h"
#include "watch/watch_private.h"

/* The processes that are services, where they may be so few that each is asked for by itself. */
#define FEW_OWNERS 16

static bool is_listed(const struct process *process, const struct process *list, size_t n)
{
	const struct process *found =
		n ? bsearch(process, list, n, sizeof(*list), process_compare) : NULL;

	return found && process_same(process, found);
}

/*
 * An owner that is not among the watched ones is dead, or its entry is lost: the map was full when it
 * came, or somebody deleted it. Who can be watched anew lives.
 */
static int watch_anew(struct watch *watch, struct process **living, size_t *n)
{
	size_t cap = *n, listed = *n;

	for (size_t i = 0; i < watch->services.n; i++) {
		const struct service *service = watch->services.items[i];
		struct process found;

		if (!service->owner.pid || is_listed(&service->owner, *living, listed) ||
			watch->ops->add_process(
				watch->backend, service->owner.pid, service->name, &found))
			continue;
		if (!process_same(&found, &service->owner)) {
			services_let_go(&watch->services, &found);
			continue;
		}
		if (!vec_reserve(*living, *n, cap))
			return -ENOMEM;
		(*living)[(*n)++] = found;
	}
	if (*n > listed)
		qsort(*living, *n, sizeof(**living), process_compare);
	return 0;
}

/* Their number; -E2BIG: they are more than FEW_OWNERS. */
static int list_owners(const struct watch *watch, struct process ret[FEW_OWNERS])
{
	int n = 0;

	for (size_t i = 0; i < watch->services.n; i++) {
		if (!watch->services.items[i]->owner.pid)
			continue;
		if (n == FEW_OWNERS)
			return -E2BIG;
		ret[n++] = watch->services.items[i]->owner;
	}
	return n;
}

/* Of the owners alone, who are all that a resync asks for, where they are few; else of all that are watched. */
static int list_living(struct watch *watch, struct process **ret, size_t *ret_n)
{
	struct process owners[FEW_OWNERS];
	int n = watch->ops->living_of ? list_owners(watch, owners) : -E2BIG;
	scoped(freep) struct process *living = NULL;

	if (n < 0)
		return watch->ops->living(watch->backend, ret, ret_n);
	living = malloc(sizeof(owners));
	if (!living)
		return -ENOMEM;
	n = watch->ops->living_of(watch->backend, owners, (size_t)n, living);
	if (n < 0)
		return watch->ops->living(watch->backend, ret, ret_n);
	*ret = TAKE(living);
	*ret_n = (size_t)n;
	return 0;
}

int watch_ask_living(struct watch *watch)
{
	struct process *living;
	size_t n;
	int err = list_living(watch, &living, &n);

	if (err)
		return err;
	/* Exits that happened while the living were listed win: they come first. */
	watch->ops->drain(watch->backend);
	/* qsort() minds an array that is not there, though it has nothing to sort. */
	if (n)
		qsort(living, n, sizeof(*living), process_compare);
	err = watch_anew(watch, &living, &n);
	watch->ops->drain(watch->backend);
	if (!err)
		services_resynced(&watch->services, living, n, clock_now());
	select_resync(watch);
	free(living);
	return err;
}
