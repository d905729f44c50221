// SPDX-License-Identifier: Apache-2.0
/* select.c - load drivers, probe them, choose. Never a silent fallback. */
#include "core/module/select.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/config/config.h"
#include "core/config/value.h"
#include "core/lib/clock.h"
#include "core/module/internal.h"
#include "core/module/modinfo.h"

#define MAX_DEVICES 4096

/* ---- probing --------------------------------------------------------------- */

struct devices {
	struct aios_device_desc *list;
	size_t n;
};

/* What a driver wrote is data: end its texts. */
static void seal(struct aios_device_desc *desc)
{
	desc->id[sizeof(desc->id) - 1] = '\0';
	desc->alias[sizeof(desc->alias) - 1] = '\0';
	desc->name[sizeof(desc->name) - 1] = '\0';
	desc->reason[sizeof(desc->reason) - 1] = '\0';
}

/*
 * One call of probe() on a thread of its own, so that a driver that never comes back is left
 * behind instead of waited for. Whoever is last frees it: the caller, or a thread that was left.
 */
struct probe_call {
	pthread_mutex_t lock; /* protects done and left */
	pthread_cond_t ended;
	const struct module *module;
	struct aios_device_desc *list;
	uint32_t room;
	int n;
	struct aios_status st;
	bool done, left;
};

static void free_call(struct probe_call *call)
{
	pthread_cond_destroy(&call->ended);
	pthread_mutex_destroy(&call->lock);
	free(call->list);
	free(call);
}

static struct probe_call *new_call(const struct module *module, uint32_t room)
{
	struct probe_call *call = calloc(1, sizeof(*call));
	pthread_condattr_t attr;

	if (!call)
		return NULL;
	call->list = calloc(room, sizeof(*call->list));
	if (!call->list) {
		free(call);
		return NULL;
	}
	for (uint32_t i = 0; i < room; i++)
		call->list[i].size = sizeof(call->list[i]);
	call->module = module;
	call->room = room;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&call->lock, NULL);
	pthread_cond_init(&call->ended, &attr);
	pthread_condattr_destroy(&attr);
	return call;
}

static void run_call(struct probe_call *call)
{
	const struct aios_driver_ops *ops = module_ops(call->module);

	call->n = ops->probe(module_host(call->module), call->list, call->room, &call->st);
}

static void *probe_thread(void *arg)
{
	struct probe_call *call = arg;
	bool left;

	run_call(call);
	pthread_mutex_lock(&call->lock);
	call->done = true;
	left = call->left;
	pthread_cond_signal(&call->ended);
	pthread_mutex_unlock(&call->lock);
	if (left)
		free_call(call);
	return NULL;
}

/* Wait for the thread: false when it was left behind, and `call` with it. */
static bool wait_for(struct probe_call *call, int64_t seconds)
{
	uint64_t end = clock_ns() + (uint64_t)seconds * 1000000000u;
	const struct timespec until = { .tv_sec = (time_t)(end / 1000000000u),
					.tv_nsec = (long)(end % 1000000000u) };
	bool done;

	pthread_mutex_lock(&call->lock);
	while (!call->done && pthread_cond_timedwait(&call->ended, &call->lock, &until) == 0)
		;
	done = call->done;
	call->left = !done;
	pthread_mutex_unlock(&call->lock);
	return done;
}

/* The module has a thread in it from now on: it is refused, and neither unloaded nor freed. */
static int leave_behind(struct module *module, int64_t seconds, struct aios_status *st)
{
	aios_fail(st, -ETIMEDOUT,
		  "its probe has not come back after %d s ([aios] probe_timeout): it is left out; "
		  "'aios driver lint --load' tries it in a process of its own",
		  (int)seconds);
	module->registry->left_behind = true;
	return module_refuse(module, st);
}

static int probe_once(struct module *module, struct devices *devices, uint32_t room,
		      struct aios_status *st)
{
	struct probe_call *call = new_call(module, room);
	int64_t seconds = 10;
	pthread_t thread;
	int n;

	devices->list = NULL;
	devices->n = 0;
	if (!call)
		return aios_fail(st, -ENOMEM, "no memory to list devices");
	aios_config_get_int(module_registry_config(module->registry), "aios", "probe_timeout",
			    &seconds);
	/* Where there can be no more threads, the driver gets this one, without a limit. */
	if (pthread_create(&thread, NULL, probe_thread, call)) {
		run_call(call);
	} else {
		pthread_detach(thread);
		if (!wait_for(call, seconds))
			return leave_behind(module, seconds, st);
	}
	n = call->n;
	*st = call->st;
	if (n > MAX_DEVICES)
		n = aios_fail(st, -EINVAL, "probe says there are %d devices", n);
	if (n >= 0) {
		devices->list = call->list;
		devices->n = (uint32_t)n < room ? (uint32_t)n : room;
		call->list = NULL;
	}
	free_call(call);
	return n;
}

/* Every device of a loaded driver; the caller frees the list. 0 or -errno. */
static int probe(struct module *module, struct devices *devices, struct aios_status *st)
{
	uint32_t room = 16;
	int n = probe_once(module, devices, room, st);

	if (n > (int)room) {
		free(devices->list);
		n = probe_once(module, devices, (uint32_t)n, st);
	}
	for (size_t i = 0; i < devices->n && n >= 0; i++)
		seal(&devices->list[i]);
	return n < 0 ? n : 0;
}

/* ---- one driver ------------------------------------------------------------ */

static bool same_text(const char *a, const char *b)
{
	return *a && !strcmp(a, b);
}

/* Does the user's word mean this device? A number is the driver's own. */
static bool means(const struct aios_device_desc *desc, const char *word)
{
	int64_t number;

	if (value_parse_int(word, &number))
		return number >= 0 && (uint64_t)number == desc->index;
	return same_text(desc->id, word) || same_text(desc->alias, word);
}

static const struct aios_device_desc *best_device(const struct devices *devices)
{
	const struct aios_device_desc *best = NULL;

	for (size_t i = 0; i < devices->n; i++)
		if (!best || devices->list[i].score > best->score)
			best = &devices->list[i];
	return best;
}

static const struct aios_device_desc *named_device(const struct devices *devices, const char *word)
{
	for (size_t i = 0; i < devices->n; i++)
		if (means(&devices->list[i], word))
			return &devices->list[i];
	return NULL;
}

/* "cuda:0 (index 0), cuda:1 (index 1)" */
static const char *list_ids(const struct devices *devices, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < devices->n && at < size; i++) {
		int n = snprintf(text + at, size - at, "%s%s (%u)", i ? ", " : "",
				 devices->list[i].id, devices->list[i].index);

		at += n > 0 ? (size_t)n : 0;
	}
	return text;
}

static int choose_device(const struct module *module, const struct devices *devices,
			 const char *wanted, const char *origin, struct aios_device_desc *out,
			 struct aios_status *st)
{
	const struct aios_device_desc *device;
	char ids[256];

	if (!devices->n)
		return aios_fail(st, -ENODEV, "driver '%s' found no device", module_name(module));
	device = *wanted ? named_device(devices, wanted) : best_device(devices);
	if (!device)
		return aios_fail(st, -ENODEV,
				 "driver '%s' has no device '%.80s' (%.100s); it has %s",
				 module_name(module), wanted, origin,
				 list_ids(devices, ids, sizeof(ids)));
	if (device->score < 0)
		return aios_fail(st, -ENODEV, "driver '%s': device %s cannot be used: %s",
				 module_name(module), device->id,
				 device->reason[0] ? device->reason : "no reason given");
	*out = *device;
	return 0;
}

/* Load and probe one driver and choose its device; on success *out holds a reference. */
static int try_driver(struct module_registry *reg, const char *name, struct selected_driver *out,
		      struct aios_status *st)
{
	const char *origin = "default", *wanted;
	struct devices devices = { 0 };
	struct module *module;
	int err = module_get(reg, AIOS_KIND_DRIVER, name, &module, st);

	if (err)
		return err;
	wanted = config_module_value(module_registry_config(reg), "driver", module_name(module),
				     "device", &origin);
	aios_status_clear(st);
	err = probe(module, &devices, st);
	/* A driver says in *st why it found nothing. */
	if (!err && (devices.n || !st->message[0]))
		err = choose_device(module, &devices, wanted ? wanted : "", origin, &out->device,
				    st);
	else if (!err)
		err = -ENODEV;
	free(devices.list);
	if (err) {
		module_note(module, st->message);
		module_put(module);
		return err;
	}
	out->module = module;
	out->ops = module_ops(module);
	out->host = module_host(module);
	out->name = module_name(module);
	return 0;
}

/* ---- a list of names ------------------------------------------------------- */

/* The next name of a comma list, blanks around it removed; false at the end. */
static bool next_name(const char **list, char *out, size_t size)
{
	while (**list) {
		size_t n = strcspn(*list, ",");
		const char *start = *list;

		*list += n + (start[n] == ',');
		while (n && (*start == ' ' || *start == '\t')) {
			start++;
			n--;
		}
		while (n && (start[n - 1] == ' ' || start[n - 1] == '\t'))
			n--;
		if (!n || n >= size)
			continue;
		memcpy(out, start, n);
		out[n] = '\0';
		return true;
	}
	return false;
}

/* A name with '/' is a file: its module's name, once its metadata was read. */
static int resolve(struct module_registry *reg, const char *name, const char **out,
		   struct aios_status *st)
{
	struct module *module;
	int err;

	*out = name;
	if (!strchr(name, '/'))
		return 0;
	err = module_registry_add_file(reg, name, &module, st);
	if (err)
		return err;
	if (module_kind(module) != AIOS_KIND_DRIVER)
		return aios_fail(st, -EINVAL, "%s: a %s, not a driver", name,
				 module_kind_name(module_kind(module)));
	*out = module_name(module);
	return 0;
}

static int select_listed(struct module_registry *reg, const char *list, const char *origin,
			 struct selected_driver *out, struct aios_status *st)
{
	struct aios_status own = { 0 };
	char name[PATH_MAX], why[AIOS_STATUS_MESSAGE] = "";
	const char *resolved;
	size_t at = 0;
	int first = 0, tried = 0;

	while (next_name(&list, name, sizeof(name))) {
		int err = resolve(reg, name, &resolved, &own), n;

		if (!err)
			err = try_driver(reg, resolved, out, &own);
		if (!err) {
			module_log(reg, tried ? AIOS_LOG_WARN : AIOS_LOG_INFO,
				   "driver %s, device %s (%s); %s%s", out->name, out->device.id,
				   out->device.name, tried ? "tried before: " : origin,
				   tried ? why : "");
			return 0;
		}
		first = first ? first : err;
		n = at < sizeof(why) ? snprintf(why + at, sizeof(why) - at, "%s%s",
						tried ? "; " : "", own.message) :
				       0;
		at += n > 0 ? (size_t)n : 0;
		tried++;
	}
	if (!tried)
		return aios_fail(st, -EINVAL, "%s: the list of drivers is empty", origin);
	return aios_fail(st, first, "%s", why);
}

/* ---- no name --------------------------------------------------------------- */

static int select_best(struct module_registry *reg, struct selected_driver *out,
		       struct aios_status *st)
{
	struct module *module = NULL;
	bool found = false;

	while ((module = module_next(reg, AIOS_KIND_DRIVER, module))) {
		struct selected_driver candidate;
		struct aios_status own = { 0 };

		if (try_driver(reg, module_name(module), &candidate, &own)) {
			module_log(reg, AIOS_LOG_INFO, "driver %s: %s", module_name(module),
				   own.message);
			continue;
		}
		if (found && candidate.device.score <= out->device.score) {
			module_put(candidate.module);
			continue;
		}
		if (found)
			module_put(out->module);
		*out = candidate;
		found = true;
	}
	if (!found)
		return aios_fail(st, -ENODEV,
				 "no driver can be used here ('aios driver list --why' lists every "
				 "candidate and where it was looked for)");
	module_log(reg, AIOS_LOG_INFO, "driver %s chosen by score %d: device %s (%s), %s",
		   out->name, out->device.score, out->device.id, out->device.name,
		   out->device.reason);
	return 0;
}

int module_select_driver(struct module_registry *reg, struct selected_driver *out,
			 struct aios_status *st)
{
	const struct aios_config *cfg = module_registry_config(reg);
	const char *list = aios_config_get(cfg, "aios", "driver");

	memset(out, 0, sizeof(*out));
	if (!list || !*list)
		return select_best(reg, out, st);
	return select_listed(reg, list, aios_config_origin(cfg, "aios", "driver"), out, st);
}

int module_select_named(struct module_registry *reg, const char *list, const char *origin,
			struct selected_driver *out, struct aios_status *st)
{
	memset(out, 0, sizeof(*out));
	return select_listed(reg, list, origin, out, st);
}

/* ---- listing --------------------------------------------------------------- */

struct listing {
	struct module_device *list;
	size_t n;
};

static int append_devices(struct listing *all, struct module *module, const struct devices *found,
			  struct aios_status *st)
{
	struct module_device *list;

	if (!found->n)
		return 0;
	list = realloc(all->list, (all->n + found->n) * sizeof(*list));
	if (!list)
		return aios_fail(st, -ENOMEM, "no memory to list devices");
	all->list = list;
	for (size_t i = 0; i < found->n; i++)
		all->list[all->n++] = (struct module_device){ .module = module,
							      .desc = found->list[i],
							      .same_as = -1 };
	return 0;
}

/* A driver that cannot be loaded or probed is noted, and is no reason to fail. */
static int list_driver(struct module_registry *reg, const char *name, struct listing *all,
		       struct aios_status *st)
{
	struct devices found = { 0 };
	struct aios_status own = { 0 };
	struct module *module;
	int err = module_get(reg, AIOS_KIND_DRIVER, name, &module, &own);

	if (err == -ENOMEM || err == -ENOENT)
		return aios_fail(st, err, "%s", own.message);
	if (err)
		return 0;
	err = probe(module, &found, &own);
	if (own.message[0] && (err || !found.n))
		module_note(module, own.message);
	err = err == -ENOMEM ? aios_fail(st, err, "%s", own.message) :
			       append_devices(all, module, &found, st);
	free(found.list);
	module_put(module);
	return err;
}

static int list_all(struct module_registry *reg, struct listing *all, struct aios_status *st)
{
	const char *list = aios_config_get(module_registry_config(reg), "aios", "driver");
	struct module *module = NULL;
	const char *resolved;
	char name[PATH_MAX];
	int err = 0;

	if (list && *list) {
		while (!err && next_name(&list, name, sizeof(name)))
			if (!resolve(reg, name, &resolved, NULL))
				err = list_driver(reg, resolved, all, st);
		return err;
	}
	while (!err && (module = module_next(reg, AIOS_KIND_DRIVER, module)))
		err = list_driver(reg, module_name(module), all, st);
	return err;
}

static int by_score(const void *left, const void *right)
{
	const struct module_device *a = left, *b = right;
	int names;

	if (a->desc.score != b->desc.score)
		return a->desc.score < b->desc.score ? 1 : -1;
	names = strcmp(module_name(a->module), module_name(b->module));
	if (names)
		return names;
	return a->desc.index < b->desc.index ? -1 : a->desc.index > b->desc.index;
}

static bool same_hardware(const struct aios_device_desc *a, const struct aios_device_desc *b)
{
	return same_text(a->id, b->id) || same_text(a->id, b->alias) ||
	       same_text(a->alias, b->id) || same_text(a->alias, b->alias);
}

static void mark_duplicates(struct listing *all)
{
	for (size_t i = 1; i < all->n; i++)
		for (size_t j = 0; j < i && all->list[i].same_as < 0; j++)
			if (all->list[j].same_as < 0 &&
			    same_hardware(&all->list[i].desc, &all->list[j].desc))
				all->list[i].same_as = (int)j;
}

int module_list_devices(struct module_registry *reg, struct module_device **out, size_t *n,
			struct aios_status *st)
{
	struct listing all = { 0 };
	int err = list_all(reg, &all, st);

	if (err) {
		free(all.list);
		return err;
	}
	if (all.n)
		qsort(all.list, all.n, sizeof(*all.list), by_score);
	mark_duplicates(&all);
	*out = all.list;
	*n = all.n;
	return 0;
}
