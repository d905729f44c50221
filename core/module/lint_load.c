// SPDX-License-Identifier: Apache-2.0
/*
 * lint_load.c - load a module and probe it, in a child process with a time limit. The
 * child tells through a pipe what it finds, one line each; what the module prints is
 * caught. A crash, an exit and an endless loop end the child, and the last line that
 * came says what it was doing.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aios/driver/driver.h>

#include "core/lib/clock.h"
#include "core/module/internal.h"
#include "core/module/lint_report.h"

/* A line: a letter, then its text. */
enum {
	LINE_STAGE = 'G',   /* what the child does from now on */
	LINE_REFUSED = 'R', /* why the loader refuses the module */
	LINE_WARNING = 'W', /* rule, blank, text */
	LINE_SLOT = 'S',    /* '+' or '-', name */
	LINE_DEVICE = 'D',  /* '+' or '-', id, tab, the rest */
	LINE_DONE = 'Z',
};

#define LINE_MAX_BYTES 1024
#define DEVICES_SHOWN 64

/* ---- the child --------------------------------------------------------------- */

static void tell(int out, char what, const char *fmt, ...) AIOS_PRINTF(3, 4);

/* One line in one write(): whole or not there. */
static void tell(int out, char what, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES] = { what };
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(line + 1, sizeof(line) - 2, fmt, ap);
	va_end(ap);
	for (char *c = line + 1; *c; c++)
		if (*c == '\n')
			*c = ' ';
	n = strlen(line);
	line[n++] = '\n';
	if (write(out, line, n) < 0)
		_exit(1);
}

static const struct {
	const char *name;
	uint32_t offset;
} driver_slots[] = {
#define SLOT(member)                                                                               \
	{                                                                                          \
#member, offsetof(struct aios_driver_ops, member)                                  \
	}
	SLOT(probe),        SLOT(open),          SLOT(quiesce),       SLOT(close),
	SLOT(device_info),  SLOT(heap_info),     SLOT(mem_alloc),     SLOT(mem_free),
	SLOT(queue_create), SLOT(queue_destroy), SLOT(query_op),      SLOT(launch),
	SLOT(copy),         SLOT(fill),          SLOT(signal),        SLOT(wait),
	SLOT(queue_wait),   SLOT(weight_layout), SLOT(mem_import),    SLOT(graph_begin),
	SLOT(graph_end),    SLOT(graph_launch),  SLOT(graph_destroy), SLOT(reset),
	SLOT(elapsed),      SLOT(peer),          SLOT(comm_id),       SLOT(comm_open),
	SLOT(comm_gather),  SLOT(comm_check),    SLOT(comm_close),
#undef SLOT
};

_Static_assert(sizeof(driver_slots) / sizeof(driver_slots[0]) ==
		       (sizeof(struct aios_driver_ops) - offsetof(struct aios_driver_ops, probe)) /
			       sizeof(void *),
	       "a slot of the table is not listed");

/* From the module's own table: the core's copy has stubs where nothing was. */
static void tell_slots(int out, const struct aios_module *desc)
{
	const uint8_t *ops = desc->ops;
	uint32_t size;

	memcpy(&size, ops, sizeof(size));
	for (size_t i = 0; i < sizeof(driver_slots) / sizeof(driver_slots[0]); i++) {
		const void *slot = NULL;

		if (driver_slots[i].offset + sizeof(slot) <= size)
			memcpy(&slot, ops + driver_slots[i].offset, sizeof(slot));
		tell(out, LINE_SLOT, "%c%s", slot ? '+' : '-', driver_slots[i].name);
	}
}

static bool ended(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static void tell_device(int out, const struct aios_device_desc *desc)
{
	if (!ended(desc->id, sizeof(desc->id)) || !ended(desc->alias, sizeof(desc->alias)) ||
	    !ended(desc->name, sizeof(desc->name)) || !ended(desc->reason, sizeof(desc->reason))) {
		tell(out, LINE_WARNING, "- probe wrote a text without its end into a descriptor");
		return;
	}
	tell(out, LINE_DEVICE, "%c%s\t%s, score %d: %s", desc->score >= 0 ? '+' : '-', desc->id,
	     desc->name, desc->score, desc->reason[0] ? desc->reason : "no reason given");
	if (!strchr(desc->id, ':'))
		tell(out, LINE_WARNING,
		     "- device id '%s' is not of the form 'KIND:WHICH' (\"cpu:0\", "
		     "\"pci:0000:3b:00.0\")",
		     desc->id);
	if (!desc->name[0])
		tell(out, LINE_WARNING, "- device %s has no name for people", desc->id);
	if (!desc->reason[0])
		tell(out, LINE_WARNING, "- device %s does not say why it has its score", desc->id);
}

static void probe(int out, const struct module *module)
{
	struct aios_device_desc devices[DEVICES_SHOWN] = { 0 };
	const struct aios_driver_ops *ops = module_ops(module);
	struct aios_status st = { 0 };
	int n, again;

	tell(out, LINE_STAGE, "in probe");
	for (size_t i = 0; i < DEVICES_SHOWN; i++)
		devices[i].size = sizeof(devices[i]);
	n = ops->probe(module_host(module), devices, DEVICES_SHOWN, &st);
	if (n < 0 && !st.message[0])
		tell(out, LINE_WARNING, "ADP-22 probe fails with %d and no message", n);
	else if (n < 0)
		tell(out, LINE_WARNING, "- probe fails: %s", st.message);
	else if (!n && !st.message[0])
		tell(out, LINE_WARNING, "ADP-22 probe finds no device and does not say why");
	else if (!n)
		tell(out, LINE_WARNING, "- probe finds no device: %s", st.message);
	for (int i = 0; i < n && i < DEVICES_SHOWN; i++)
		tell_device(out, &devices[i]);
	tell(out, LINE_STAGE, "in probe with no room for descriptors");
	again = ops->probe(module_host(module), NULL, 0, &st);
	if (n >= 0 && again != n)
		tell(out, LINE_WARNING, "- probe says %d with room for devices and %d without", n,
		     again);
}

/* With a configuration of its own: what the user set elsewhere does not matter here. */
static void load(int out, const char *path)
{
	struct aios_config *cfg = aios_config_create();
	struct module_registry *reg = NULL;
	struct module *module = NULL;
	struct aios_status st = { 0 };

	tell(out, LINE_STAGE, "while it was loaded");
	if (!cfg || module_registry_create(cfg, NULL, NULL, &reg, &st) ||
	    module_registry_add_file(reg, path, &module, &st) ||
	    module_get(reg, module->kind, module->name, &module, &st)) {
		/* The report names the file already. */
		tell(out, LINE_REFUSED, "%s",
		     module && module->reason ? module->reason : st.message);
		return;
	}
	if (module->kind == AIOS_KIND_DRIVER) {
		tell_slots(out, dlsym(module->handle, "aios_module"));
		probe(out, module);
	}
	module_put(module);
	tell(out, LINE_STAGE, "while it was unloaded");
	if (module_unload(module, &st))
		tell(out, LINE_WARNING, "ADP-20 %s", st.message);
	tell(out, LINE_DONE, "-");
}

static void child(int out, int printed, const char *path)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	dup2(null, STDIN_FILENO);
	dup2(printed, STDOUT_FILENO);
	dup2(printed, STDERR_FILENO);
	/* What the caller has not written out yet is his; what comes now is the module's, at once. */
	__fpurge(stdout);
	setvbuf(stdout, NULL, _IONBF, 0);
	load(out, path);
	_exit(0);
}

/* ---- the parent -------------------------------------------------------------- */

struct listener {
	struct lint_report *r;
	char line[LINE_MAX_BYTES];
	size_t n;
	char stage[64];
	bool done, refused;
};

static void heard(struct listener *l)
{
	struct lint_report *r = l->r;
	char *text = l->line + 1, *space;
	struct aios_lint_item item = { 0 };

	switch (l->line[0]) {
	case LINE_STAGE:
		snprintf(l->stage, sizeof(l->stage), "%.60s", text);
		return;
	case LINE_REFUSED:
		l->refused = true;
		r->report.reason = lint_keep(r, text);
		lint_find(r, AIOS_LINT_ERROR, "", "%s", text);
		return;
	case LINE_WARNING:
		space = strchr(text, ' ');
		if (!space)
			return;
		*space = '\0';
		lint_find(r, AIOS_LINT_WARNING, text[0] == '-' ? "" : text, "%s", space + 1);
		return;
	case LINE_SLOT:
	case LINE_DEVICE:
		item.kind = l->line[0] == LINE_SLOT ? AIOS_LINT_SLOT : AIOS_LINT_DEVICE;
		item.good = text[0] == '+';
		item.name = text + (text[0] != '\0');
		space = strchr(text, '\t');
		if (space) {
			*space = '\0';
			item.remark = space + 1;
		}
		lint_item(r, &item);
		return;
	case LINE_DONE:
		l->done = true;
		return;
	default:
		return;
	}
}

/* Read until the child has closed its end: true, or false when the time is over. */
static bool listen(struct listener *l, int in, uint64_t deadline)
{
	char bytes[4096];

	for (;;) {
		struct pollfd fd = { .fd = in, .events = POLLIN };
		uint64_t now = clock_ns();
		ssize_t n;

		if (now >= deadline)
			return false;
		if (poll(&fd, 1, (int)((deadline - now) / 1000000 + 1)) <= 0)
			continue;
		n = read(in, bytes, sizeof(bytes));
		if (n <= 0)
			return true;
		for (ssize_t i = 0; i < n; i++) {
			if (bytes[i] == '\n') {
				l->line[l->n] = '\0';
				if (l->n)
					heard(l);
				l->n = 0;
			} else if (l->n + 1 < sizeof(l->line)) {
				l->line[l->n++] = bytes[i];
			}
		}
	}
}

/* A module may have closed the pipe and go on: wait for the end itself, as long as there is time. */
static bool gone(pid_t pid, int *status, uint64_t deadline)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	while (waitpid(pid, status, WNOHANG) == 0) {
		if (clock_ns() >= deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static void judge(struct listener *l, int status, bool in_time, uint32_t timeout_ms, int printed)
{
	struct lint_report *r = l->r;
	off_t bytes = lseek(printed, 0, SEEK_END);

	if (!in_time)
		lint_find(
			r, AIOS_LINT_ERROR, "",
			"it did not come back within %u.%u s (%s): an endless loop, or a wait that "
			"needs a deadline",
			timeout_ms / 1000, timeout_ms % 1000 / 100, l->stage);
	else if (WIFSIGNALED(status))
		lint_find(r, AIOS_LINT_ERROR, "", "it crashed with signal %d, %s (%s)",
			  WTERMSIG(status), strsignal(WTERMSIG(status)), l->stage);
	else if (!l->done && !l->refused)
		lint_find(r, AIOS_LINT_ERROR, "ADP-12", "it ended the process with code %d (%s)",
			  WIFEXITED(status) ? WEXITSTATUS(status) : -1, l->stage);
	if (r->report.n_errors && !r->report.reason[0])
		r->report.reason = r->findings[r->report.n_findings - 1].message;
	if (bytes > 0)
		lint_find(r, AIOS_LINT_WARNING, "ADP-22",
			  "it printed %lld bytes: fill the status, or use the host's log()",
			  (long long)bytes);
	r->report.loaded = l->done;
}

int lint_load(struct lint_report *r, uint32_t timeout_ms, struct aios_status *st)
{
	struct listener l = { .r = r, .stage = "before it was loaded" };
	int fds[2], status = 0, printed = memfd_create("printed", MFD_CLOEXEC);
	uint64_t deadline;
	bool in_time;
	pid_t pid;

	if (printed < 0)
		return aios_fail(st, -errno, "no file for what the module prints: %s",
				 strerror(errno));
	if (pipe2(fds, O_CLOEXEC)) {
		close(printed);
		return aios_fail(st, -errno, "no pipe to a child process: %s", strerror(errno));
	}
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		child(fds[1], printed, r->report.path);
	}
	close(fds[1]);
	if (pid < 0) {
		status = aios_fail(st, -errno, "no child process: %s", strerror(errno));
		close(fds[0]);
		close(printed);
		return status;
	}
	deadline = clock_ns() + (uint64_t)timeout_ms * 1000000u;
	in_time = listen(&l, fds[0], deadline) && gone(pid, &status, deadline);
	if (!in_time) {
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	judge(&l, status, in_time, timeout_ms, printed);
	close(fds[0]);
	close(printed);
	return 0;
}
