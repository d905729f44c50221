/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.c - aios doctor: is everything there, and does it work together? Each check adds
 * one finding or more; a warning or failure says what to do.
 */
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "devices.h"
#include "out.h"
#include "selftest.h"
#include "text.h"

enum {
	TEXT_COLUMN = 16
};

enum verdict {
	VERDICT_OK,
	VERDICT_WARN,
	VERDICT_FAIL
};

static const char *const verdicts[] = { "ok", "warn", "fail" };

struct doctor {
	struct cli *cli;
	bool json;
	bool failed;
	unsigned width; /* lines are broken on a terminal only: scripts want whole ones */
	json_t *findings;
};

/* Report one finding; `hint` says what to do, "" when there is nothing. */
static void find(struct doctor *d, enum verdict verdict, const char *check, const char *hint,
		 const char *fmt, ...) AIOS_PRINTF(5, 6);

static void find(struct doctor *d, enum verdict verdict, const char *check, const char *hint,
		 const char *fmt, ...)
{
	static const enum style styles[] = { STYLE_GREEN, STYLE_YELLOW, STYLE_RED };
	bool color = terminal_has_color(STDOUT_FILENO);
	char text[AIOS_STATUS_MESSAGE + 128];
	json_t *object;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->failed |= verdict == VERDICT_FAIL;
	if (d->json) {
		object = json_object();
		json_put(&object, "check", json_string(check));
		json_put(&object, "verdict", json_string(verdicts[verdict]));
		json_put(&object, "text", json_text(text, strlen(text)));
		json_put(&object, "hint", json_string(hint));
		json_add(&d->findings, object);
		return;
	}
	out_printf("%s%-4s%s  %-9s ", style_on(color, styles[verdict]), verdicts[verdict],
		   style_off(color), check);
	wrap(stdout, text, TEXT_COLUMN, TEXT_COLUMN, d->width);
	if (hint[0]) {
		out_printf("\n%*swhat to do: ", TEXT_COLUMN, "");
		wrap(stdout, hint, TEXT_COLUMN + 12, TEXT_COLUMN, d->width);
	}
	out_printf("\n");
	out_write("", 0); /* what comes next may take a while */
}

static void check_version(struct doctor *d)
{
	find(d, VERDICT_OK, "version", "", "aios %s, module ABI %u.%u:0x%08x", aios_version(),
	     (unsigned)AIOS_ABI_MAJOR, (unsigned)AIOS_ABI_MINOR, (unsigned)AIOS_ABI_HASH);
}

static bool check_config(struct doctor *d)
{
	const char *path = aios_config_ini_path(d->cli->config);

	if (d->cli->config_status.code) {
		find(d, VERDICT_FAIL, "config", "correct it, or start with --no-config", "%s",
		     d->cli->config_status.message);
		return false;
	}
	find(d, VERDICT_OK, "config", "", "%s",
	     path ? path : "no ini file ($AIOS_CONFIG, aios.ini, ~/.config/aios, /etc/aios)");
	return true;
}

/* The value of the first line "key : value" or "key: value" of a file in /proc. */
static bool proc_line(const char *path, const char *key, char *value, size_t size)
{
	FILE *in = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	bool found = false;

	if (!in)
		return false;
	while (!found && getline(&line, &cap, in) >= 0) {
		size_t len = strlen(key);
		const char *at = line + len;

		if (strncmp(line, key, len) != 0)
			continue;
		at += strspn(at, " \t");
		if (*at != ':')
			continue;
		at++;
		at += strspn(at, " \t");
		snprintf(value, size, "%.*s", (int)strcspn(at, "\n"), at);
		found = true;
	}
	free(line);
	fclose(in);
	return found;
}

static void check_cpu(struct doctor *d)
{
	static const char *const known[] = { "avx2",        "fma",         "f16c",     "avx512f",
					     "avx512_bf16", "avx512_vnni", "amx_bf16", "asimd",
					     "bf16",        "sve",         "i8mm" };
	char model[128] = "", flags[8192] = "", has[160] = "";
	size_t at = 0;
	cpu_set_t set;
	int cores = sched_getaffinity(0, sizeof(set), &set) ? (int)sysconf(_SC_NPROCESSORS_ONLN) :
							      CPU_COUNT(&set);

	if (!proc_line("/proc/cpuinfo", "model name", model, sizeof(model)))
		snprintf(model, sizeof(model), "unknown CPU");
	if (!proc_line("/proc/cpuinfo", "flags", flags + 1, sizeof(flags) - 2))
		proc_line("/proc/cpuinfo", "Features", flags + 1, sizeof(flags) - 2);
	flags[0] = ' ';
	strcat(flags, " ");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && at < sizeof(has); i++) {
		char word[24];

		snprintf(word, sizeof(word), " %s ", known[i]);
		if (strstr(flags, word))
			at += (size_t)snprintf(has + at, sizeof(has) - at, " %s", known[i]);
	}
	find(d, VERDICT_OK, "cpu", "", "%s, %d core%s for this process%s%s", model, cores,
	     cores == 1 ? "" : "s", has[0] ? ":" : "", has);
}

/* Bytes of a "MemTotal: 123 kB" line. */
static uint64_t meminfo(const char *key)
{
	char value[64];

	return proc_line("/proc/meminfo", key, value, sizeof(value)) ?
		       strtoull(value, NULL, 10) * 1024 :
		       0;
}

/* What the container allows, or UINT64_MAX. */
static uint64_t cgroup_limit(void)
{
	FILE *in = fopen("/sys/fs/cgroup/memory.max", "re");
	unsigned long long limit;
	bool found;

	if (!in)
		return UINT64_MAX;
	found = fscanf(in, "%llu", &limit) == 1; /* "max" is no number */
	fclose(in);
	return found ? limit : UINT64_MAX;
}

static void check_memory(struct doctor *d)
{
	uint64_t total = meminfo("MemTotal"), free_now = meminfo("MemAvailable");
	uint64_t limit = cgroup_limit();
	struct rlimit lock, space;
	char a[HUMAN], b[HUMAN], c[HUMAN];

	if (limit < total)
		find(d, VERDICT_OK, "memory", "", "%s of %s available, the container allows %s",
		     human_bytes(a, free_now), human_bytes(b, total), human_bytes(c, limit));
	else
		find(d, free_now < (512u << 20) ? VERDICT_WARN : VERDICT_OK, "memory",
		     free_now < (512u << 20) ? "end other programs, or choose small models" : "",
		     "%s of %s available", human_bytes(a, free_now), human_bytes(b, total));
	if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY)
		find(d, VERDICT_WARN, "limits",
		     "ulimit -v unlimited: models are mapped into memory",
		     "address space is limited to %s", human_bytes(a, space.rlim_cur));
	if (getrlimit(RLIMIT_MEMLOCK, &lock) == 0)
		find(d, VERDICT_OK, "limits", "", "locked memory: %s",
		     lock.rlim_cur == RLIM_INFINITY ? "unlimited" : human_bytes(a, lock.rlim_cur));
}

/* The kinds without which no answer is computed. */
static const struct {
	uint32_t kind;
	const char *plural;
} needed[] = {
	{ AIOS_KIND_DRIVER, "drivers" },   { AIOS_KIND_FORMAT, "formats" },
	{ AIOS_KIND_MODEL, "models" },     { AIOS_KIND_TOKENIZER, "tokenizers" },
	{ AIOS_KIND_SAMPLER, "samplers" }, { AIOS_KIND_SCHEDULER, "schedulers" },
	{ AIOS_KIND_CACHE, "caches" },
};

/* "null, cpu-ref", and how many. */
static unsigned names_of(struct cli *cli, uint32_t kind, char *text, size_t size)
{
	struct aios_module_report report;
	size_t at = 0;
	unsigned n = 0;

	text[0] = '\0';
	for (uint32_t i = 0; aios_module(cli->aios, i, &report); i++) {
		if (report.kind != kind || !report.accepted)
			continue;
		if (at < size)
			at += (size_t)snprintf(text + at, size - at, "%s%s", n ? ", " : "",
					       report.name);
		n++;
	}
	return n;
}

/* The folders that modules came from, each once. */
static void check_folders(struct doctor *d)
{
	struct aios_module_report report, earlier;

	for (uint32_t i = 0; aios_module(d->cli->aios, i, &report); i++) {
		const char *slash = strrchr(report.path, '/');
		int len = slash ? (int)(slash - report.path) : 0;
		bool seen = false;

		for (uint32_t k = 0; k < i && !seen && aios_module(d->cli->aios, k, &earlier); k++)
			seen = strrchr(earlier.path, '/') == earlier.path + len &&
			       strncmp(earlier.path, report.path, (size_t)len) == 0;
		if (slash && !seen)
			find(d, VERDICT_OK, "folders", "", "%.*s", len, report.path);
	}
}

static void check_modules(struct doctor *d)
{
	struct aios_module_report report;
	char names[256];

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (names_of(d->cli, needed[i].kind, names, sizeof(names)))
			find(d, VERDICT_OK, "modules", "", "%s: %s", needed[i].plural, names);
		else
			find(d, VERDICT_FAIL, "modules",
			     "install them, or name their folder: --driver-path, --plugin-path",
			     "%s: none", needed[i].plural);
	}
	for (uint32_t i = 0; aios_module(d->cli->aios, i, &report); i++)
		if (!report.accepted)
			find(d, VERDICT_WARN, "modules", "'aios driver list --why' says more",
			     "%s is refused: %s", report.path, report.reason);
}

/* Also loads each driver, which is the first time that its code runs. */
static bool check_devices(struct doctor *d)
{
	struct aios_device_report *list;
	struct aios_status st = { 0 };
	unsigned usable = 0;
	char memory[HUMAN], profiles[160];
	size_t n;

	if (devices_read(d->cli, &list, &n, &st)) {
		find(d, VERDICT_FAIL, "devices", "'aios driver list --why' lists what was tried",
		     "%s", st.message);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		const struct aios_device_desc *desc = &list[i].desc;

		/* One that computes nothing (null) is there, but of no use. */
		usable += list[i].opened && list[i].info.profiles;
		if (!list[i].opened)
			find(d, VERDICT_WARN, "devices", "", "%s %s: %s, %s", list[i].driver,
			     desc->id, desc->name, desc->reason);
		else
			find(d, VERDICT_OK, "devices", "", "%s %s: %s, %s, profiles %s",
			     list[i].driver, desc->id, desc->name,
			     desc->memory ? human_bytes(memory, desc->memory) : "memory unknown",
			     device_profiles(&list[i], profiles, sizeof(profiles)));
	}
	free(list);
	if (!usable)
		find(d, VERDICT_FAIL, "devices", "'aios driver list --why' lists what was tried",
		     "no device computes anything");
	return usable > 0;
}

/* The model of -m; else the demo model beside the program, in a build tree or installed. */
static bool find_model(struct cli *cli, char path[PATH_MAX])
{
	static const char *const places[] = { "/../share/aios/demo", "/../share/demo" };
	const char *given = cli_text(cli, "aios", "model");
	char exe[PATH_MAX], file[PATH_MAX + 16];
	ssize_t len;

	if (given) {
		snprintf(path, PATH_MAX, "%s", given);
		return true;
	}
	len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (len < 0)
		return false;
	exe[len] = '\0';
	*strrchr(exe, '/') = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if ((size_t)snprintf(path, PATH_MAX, "%s%s", exe, places[i]) >= PATH_MAX)
			continue;
		snprintf(file, sizeof(file), "%s/config.json", path);
		if (access(file, R_OK) == 0)
			return true;
	}
	return false;
}

static void check_model(struct doctor *d)
{
	struct aios_status st = { 0 };
	struct selftest result;
	char path[PATH_MAX], *real;

	if (!find_model(d->cli, path)) {
		find(d, VERDICT_WARN, "model", "name a model with -m DIR",
		     "no demo model beside the program; nothing was computed");
		return;
	}
	real = realpath(path, NULL);
	if (selftest(d->cli, real ? real : path, &result, &st))
		find(d, VERDICT_FAIL, "model", "-m DIR tries another model", "%s: %s",
		     real ? real : path, st.message);
	else
		find(d, VERDICT_OK, "model", "",
		     "%s: %u tokens on %s %s, %.1f t/s, the same bits alone, in a batch and in one "
		     "pass (%s)",
		     real ? real : path, result.tokens, result.driver, result.device, result.rate,
		     result.numerics_id);
	free(real);
}

static int conclude(struct doctor *d, struct aios_status *st)
{
	json_t *object;

	if (!d->json) {
		out_printf("\n%s\n", d->failed ? "Something needs attention." : "All is well.");
		return d->failed ? CLI_FAILED : CLI_OK;
	}
	object = json_object();
	json_put(&object, "healthy", json_boolean(!d->failed));
	json_put(&object, "checks", d->findings);
	d->findings = NULL;
	if (out_json(object, 2, st))
		return -ENOMEM;
	return d->failed ? CLI_FAILED : CLI_OK;
}

int doctor_main(struct cli *cli, struct aios_status *st)
{
	struct doctor d = { .cli = cli, .json = cli_flag(cli, AIOS_SECTION_COMMAND, "json") };
	struct aios_status boot = { 0 };

	d.width = isatty(STDOUT_FILENO) ? terminal_columns(STDOUT_FILENO) : UINT_MAX;
	d.findings = json_array();
	check_version(&d);
	check_config(&d);
	check_cpu(&d);
	check_memory(&d);
	if (cli_boot(cli, &boot)) {
		find(&d, VERDICT_FAIL, "boot", "", "%s", boot.message);
		return conclude(&d, st);
	}
	check_folders(&d);
	check_modules(&d);
	if (check_devices(&d))
		check_model(&d);
	return conclude(&d, st);
}
